/** The bars of a plan that nothing was done of yet. Pure. */
import { plain } from "../plan/durations";
import { PHASES, type Phase, type Step } from "../plan/model";
import { lay, type Bar, type Row } from "./bars";

/** Milliseconds from the beginning; `end`: of all. `pace`: how many times as long as on plain hosts each step takes. */
export type Ahead = { rows: Row[]; end: number };

/** Every step begins as soon as those that it comes after have ended. Rows in the order of the plan, whose steps stand after those that they wait for. */
export function ahead(steps: readonly Step[], pace = 1): Ahead {
  const times = new Map<string, { from: number; to: number }>();
  for (const { id, after, action } of steps) {
    const from = Math.max(0, ...after.map((before) => times.get(before)?.to ?? 0));
    times.set(id, { from, to: from + plain(action.kind) * pace });
  }
  const longest = longestWay(steps, times);
  const hosts = new Map<string, Map<Phase, Step[]>>();
  for (const step of steps) {
    const phases = hosts.get(step.host) ?? new Map<Phase, Step[]>();
    hosts.set(step.host, phases);
    phases.set(step.phase, [...(phases.get(step.phase) ?? []), step]);
  }
  const rows = [...hosts].map(([host, phases]): Row => {
    const bars = PHASES.flatMap((phase): Bar[] => {
      const own = phases.get(phase) ?? [];
      if (own.length === 0) return [];
      const spans = own.flatMap(({ id }) => times.get(id) ?? []);
      const [from, to] = [Math.min(...spans.map((span) => span.from)), Math.max(...spans.map((span) => span.to))];
      return [{ host, phase, state: "planned", from, to, lane: 0, steps: own, done: 0, waitsFor: [], critical: own.some(({ id }) => longest.has(id)) }];
    }).sort((one, other) => one.from - other.from);
    return { host, bars, lanes: lay(bars), done: 0, steps: bars.reduce((sum, bar) => sum + bar.steps.length, 0), dropped: false };
  });
  return { rows, end: Math.max(0, ...[...times.values()].map(({ to }) => to)) };
}

/** The steps that nothing may delay: back from the one that ends last, always to the one that it waited for longest. */
function longestWay(steps: readonly Step[], times: ReadonlyMap<string, { to: number }>): Set<string> {
  const to = (id: string) => times.get(id)?.to ?? 0;
  const last = (ids: readonly string[]) => ids.reduce<string | undefined>((best, id) => (best === undefined || to(id) > to(best) ? id : best), undefined);
  const known = new Map(steps.map((step) => [step.id, step]));
  const way = new Set<string>();
  for (let at = last(steps.map(({ id }) => id)); at !== undefined && !way.has(at); at = last(known.get(at)?.after ?? [])) way.add(at);
  return way;
}
