/**
 * How far a run is and how long it will take, from how long each step took the last time (steps have the same id in every plan
 * of a site) or, on a site's first run, from what steps of this kind took on plain hosts.
 */
import { plain } from "../../parts/plan/durations";
import { succeeded, type View } from "./fold";
import type { Plan, Step } from "./model";

/** A probe that finds all as it should be. */
const PROBE = 60;

/** Milliseconds by step id, of an earlier run. */
export type History = ReadonlyMap<string, number>;

export const expected = (step: Step, history: History): number => Math.max(PROBE, history.get(step.id) ?? plain(step.action.kind));

export type Estimate = {
  /** 0 to 1, each step weighing what it is expected to take. */
  share: number;
  /** When each step that has not ended is expected to begin and end, in Unix milliseconds. Without those that never will. */
  ahead: Map<string, { from: number; to: number }>;
  /** When the last of them ends. */
  end: number;
};

/** The longest way through what is left. Steps of hosts that dropped out, and what comes after failed ones, do not run. */
export function estimate(plan: Plan, view: View, history: History, now: number): Estimate {
  let [all, done] = [0, 0];
  const ahead = new Map<string, { from: number; to: number }>();
  const blocked = new Set<string>();
  let end = now;
  for (const step of plan.steps) {
    const known = view.steps.get(step.id);
    const wanted = expected(step, history);
    all += wanted;
    if (succeeded(known)) {
      done += wanted;
      continue;
    }
    const stopped = known?.state === "failed" || view.dropped.has(step.host) || step.after.some((id) => blocked.has(id));
    if (stopped) {
      blocked.add(step.id);
      continue;
    }
    if (known?.state === "started") {
      const ran = Math.max(0, now - known.startedAt);
      done += wanted * Math.min(0.95, ran / wanted);
      // Longer than usual: nobody knows how much longer; it is taken to be at its end.
      ahead.set(step.id, { from: known.startedAt, to: Math.max(now + Math.min(1000, wanted / 10), known.startedAt + wanted) });
    } else {
      const from = Math.max(now, ...step.after.map((id) => ahead.get(id)?.to ?? now));
      ahead.set(step.id, { from, to: from + wanted });
    }
    end = Math.max(end, ahead.get(step.id)?.to ?? now);
  }
  const over = view.outcome !== undefined;
  return { share: view.outcome === "healthy" ? 1 : all > 0 ? done / all : 0, ahead: over ? new Map() : ahead, end: over ? (view.endedAt ?? now) : end };
}
