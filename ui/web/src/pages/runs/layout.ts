/** The bars of a run, from its plan and what happened. Pure. */
import { lay, type Bar, type BarState, type Row } from "../../parts/gantt/bars";
import type { Estimate } from "./estimate";
import { succeeded, type View } from "./fold";
import { PHASES, type Phase, type Plan, type Step } from "./model";

/** Rows in the order of the plan. */
export function rows(plan: Plan, view: View, ahead: Estimate["ahead"], now: number): Row[] {
  const hosts = new Map<string, Map<Phase, Step[]>>();
  for (const step of plan.steps) {
    const phases = hosts.get(step.host) ?? new Map<Phase, Step[]>();
    hosts.set(step.host, phases);
    phases.set(step.phase, [...(phases.get(step.phase) ?? []), step]);
  }
  return [...hosts].map(([host, phases]) => {
    const bars = PHASES.flatMap((phase) => bar(host, phase, phases.get(phase) ?? [], view, ahead, now)).sort((one, other) => one.from - other.from);
    const count = (of: (one: Bar) => number) => bars.reduce((sum, each) => sum + of(each), 0);
    return { host, bars, lanes: lay(bars), done: count(({ done }) => done), steps: count(({ steps }) => steps.length), dropped: view.dropped.has(host) };
  });
}

function bar(host: string, phase: Phase, steps: Step[], view: View, ahead: Estimate["ahead"], now: number): Bar[] {
  if (steps.length === 0) return [];
  const known = steps.map((step) => view.steps.get(step.id));
  const done = known.filter(succeeded).length;
  const begun = known.flatMap((step) => (step ? [step.startedAt] : []));
  const over = view.outcome !== undefined;
  const state: BarState = known.some((step) => step?.state === "failed") ? "failed"
    : done === steps.length ? "done"
    : over || view.dropped.has(host) || !steps.some((step) => ahead.has(step.id)) ? (begun.length > 0 ? "stopped" : "never")
    : begun.length > 0 ? "running" : "waiting";
  const waiting = steps.flatMap((step) => ahead.get(step.id) ?? []);
  const until = view.endedAt ?? now;
  const ended = known.flatMap((step) => (step ? [step.endedAt ?? until] : []));
  if (state === "never") return [{ host, phase, state, from: until, to: until, lane: 0, steps, done, waitsFor: [] }];
  const from = Math.min(...(begun.length > 0 ? begun : waiting.map((each) => each.from)));
  const to = state === "running" ? now : Math.max(from, ...(begun.length > 0 ? ended : waiting.map((each) => each.to)));
  const own = new Set(steps.map((step) => step.id));
  const open = (id: string) => !own.has(id) && !succeeded(view.steps.get(id));
  const waitsFor = state === "waiting" ? [...new Set(steps.flatMap((step) => step.after.filter(open)))] : [];
  return [{ host, phase, state, from, to, lane: 0, steps, done, waitsFor }];
}

/** What a host waits for: the open steps of others that its next step comes after, or else of its own. */
export function waitsFor(own: Step[], view: View): string[] {
  const ids = new Set(own.map(({ id }) => id));
  const open = (step: Step) => step.after.filter((id) => !succeeded(view.steps.get(id)));
  const waiting = own.filter(({ id }) => !view.steps.has(id)).map(open).filter((ids) => ids.length > 0);
  return waiting.find((each) => !each.some((id) => ids.has(id))) ?? waiting[0] ?? [];
}
