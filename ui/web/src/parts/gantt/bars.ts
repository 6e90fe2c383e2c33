/** Where the bars of a run lie: one row a host, one bar a phase. Pure: it is the same on a page, in print and in a report. */
import type { Phase, Step } from "../plan/model";

/**
 * quiet when done, full when running, hatched when it waits, loud when it failed; stopped: some of it is done and the rest will not run, as of
 * a run that was cancelled; never: none of it will;
 * planned: nothing has begun yet.
 */
export type BarState = "done" | "running" | "failed" | "waiting" | "stopped" | "never" | "planned";

/** Colour never says alone how a bar stands. */
export const SIGNS: Record<BarState, string> = { done: "✓", running: "▸", failed: "✕", waiting: "○", stopped: "◼", never: "–", planned: "" };

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
  /** Of what is planned: it is on the longest way, and what makes it shorter makes the whole shorter. */
  critical?: boolean;
};

export type Row = { host: string; bars: Bar[]; lanes: number; done: number; steps: number; dropped: boolean };

/** Puts each bar into the first lane that is free where it begins. Gives back how many lanes there are. Bars come by their beginning. */
export function lay(bars: Bar[]): number {
  const free: number[] = [];
  for (const each of bars) {
    if (each.state === "never") continue;
    const lane = free.findIndex((to) => to <= each.from);
    each.lane = lane < 0 ? free.length : lane;
    free[each.lane] = each.to;
  }
  return Math.max(1, free.length);
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

/** About how many pixels a text takes in bars: a Chinese sign is as wide as it is high. */
export const wide = (text: string): number => [...text].reduce((sum, sign) => sum + (/[\u2e80-\uffff]/.test(sign) ? 12.5 : 7.2), 0);
