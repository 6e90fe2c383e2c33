/** Where the bars of a run lie: one row a host, one bar a phase. Pure: it is the same on the page, in print and in the report. */
import type { Estimate } from "./estimate";
import { succeeded, type View } from "./fold";
import { PHASES, type Phase, type Plan, type Step } from "./model";

/**
 * quiet when done, full when running, hatched when it waits, loud when it failed; stopped: some of it is done and the rest will not run, as of
 * a run that was cancelled; never: none of it will.
 */
export type BarState = "done" | "running" | "failed" | "waiting" | "stopped" | "never";

export type Bar = {
  host: string;
  phase: Phase;
  state: BarState;
  /** Unix milliseconds; of what waits they are expected ones. */
  from: number;
  to: number;
  /** Bars of a host that overlap lie in lanes, counted from 0. */
  lane: number;
  steps: Step[];
  done: number;
  /** Of what waits: the steps of other bars that it comes after and that have not ended. */
  waitsFor: string[];
};

export type Row = { host: string; bars: Bar[]; lanes: number; done: number; steps: number; dropped: boolean };

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

/** Puts each bar into the first lane that is free where it begins. Gives back how many lanes there are. Bars come by their beginning. */
function lay(bars: Bar[]): number {
  const free: number[] = [];
  for (const each of bars) {
    if (each.state === "never") continue;
    const lane = free.findIndex((to) => to <= each.from);
    each.lane = lane < 0 ? free.length : lane;
    free[each.lane] = each.to;
  }
  return Math.max(1, free.length);
}

/** What a host waits for: the open steps of others that its next step comes after, or else of its own. */
export function waitsFor(own: Step[], view: View): string[] {
  const ids = new Set(own.map(({ id }) => id));
  const open = (step: Step) => step.after.filter((id) => !succeeded(view.steps.get(id)));
  const waiting = own.filter(({ id }) => !view.steps.has(id)).map(open).filter((ids) => ids.length > 0);
  return waiting.find((each) => !each.some((id) => ids.has(id))) ?? waiting[0] ?? [];
}

const SECOND = 1000;
/** Steps of a time axis, in milliseconds. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400].map((seconds) => seconds * SECOND);

/** Marks of a time axis, from 0, at most so many; the last one is the axis' end: it moves only by whole marks. */
export function ticks(length: number, most: number): number[] {
  const step = STEPS.find((each) => length / each <= most) ?? Math.ceil(length / most / (STEPS.at(-1) ?? 1)) * (STEPS.at(-1) ?? 1);
  const count = Math.max(1, Math.ceil(length / step));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

/** "0:00", "2:30", "1:02:00": the time since the beginning, as a time axis has it. */
export function sinceStart(length: number): string {
  const seconds = Math.round(length / SECOND);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
