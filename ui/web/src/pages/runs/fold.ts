/** The view: the fold of a run's events, the same as the server's (`installer/model/src/view.rs`). */
import type { Failure, Outcome, Record_, Seal } from "./model";

export type StepView = {
  state: "started" | "met" | "done" | "failed";
  attempt: number;
  startedAt: number;
  endedAt?: number;
  failure?: Failure;
  output?: Seal;
};

export type View = {
  /** Index of the last event folded in. */
  index: number;
  startedAt?: number;
  endedAt?: number;
  outcome?: Outcome;
  /** Only steps that something happened to. */
  steps: Map<string, StepView>;
  /** Hosts that dropped out, with the step that failed. */
  dropped: Map<string, string>;
  cancelled: boolean;
  /** When the last event happened. */
  lastAt: number;
};

export const emptyView = (): View => ({ index: 0, steps: new Map(), dropped: new Map(), cancelled: false, lastAt: 0 });

/** Folds events in; those already taken change nothing. The view given stays as it was. */
export function fold(before: View, records: readonly Record_[]): View {
  const view: View = { ...before, steps: new Map(before.steps), dropped: new Map(before.dropped) };
  for (const record of records) if (record.index > view.index) apply(view, record);
  return view;
}

function apply(view: View, { index, at, event }: Record_): void {
  view.index = index;
  view.lastAt = at;
  switch (event.type) {
    case "runStarted":
      view.startedAt = at;
      break;
    case "runResumed":
      // What failed is tried again, and with it the hosts that dropped out.
      delete view.outcome;
      delete view.endedAt;
      view.cancelled = false;
      view.dropped.clear();
      for (const [id, step] of view.steps) if (step.state === "failed") view.steps.delete(id);
      break;
    case "stepStarted":
      view.steps.set(event.step, { state: "started", attempt: event.attempt, startedAt: at });
      break;
    case "stepMet":
      end(view, event.step, { state: "met", attempt: event.attempt, startedAt: at, endedAt: at });
      break;
    case "stepDone":
      end(view, event.step, { state: "done", attempt: event.attempt, startedAt: at, endedAt: at, ...(event.output && { output: event.output }) });
      break;
    case "stepFailed":
      end(view, event.step, {
        state: "failed", attempt: event.attempt, startedAt: at, endedAt: at, failure: event.failure, ...(event.output && { output: event.output }),
      });
      break;
    case "hostDropped":
      view.dropped.set(event.host, event.step);
      break;
    case "hostRetried":
      view.dropped.delete(event.host);
      for (const id of event.steps) if (view.steps.get(id)?.state === "failed") view.steps.delete(id);
      break;
    case "runCancelled":
      view.cancelled = true;
      break;
    case "runEnded":
      view.outcome = event.outcome;
      view.endedAt = at;
      break;
    case "findingWaived":
    case "unknown":
      break;
  }
}

function end(view: View, step: string, ended: StepView): void {
  view.steps.set(step, { ...ended, startedAt: view.steps.get(step)?.startedAt ?? ended.startedAt });
}

export const succeeded = (step: StepView | undefined): boolean => step?.state === "met" || step?.state === "done";
