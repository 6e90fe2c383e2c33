/** Two runs, phase by phase and step by step. Pure. */
import { PHASES, phaseOf, type Phase } from "./model";

/** As the server's view has it: a step's times in Unix milliseconds. */
export type Timed = ReadonlyMap<string, { from: number; to: number | undefined }>;

export type Side = {
  /** Milliseconds from the run's beginning. */
  from: number;
  to: number;
  steps: number;
};
export type PhasePair = { phase: Phase; a: Side | undefined; b: Side | undefined };
export type StepPair = { step: string; a: number | undefined; b: number | undefined };

export function phases(a: Timed, b: Timed): PhasePair[] {
  const [left, right] = [side(a), side(b)];
  return PHASES.map((phase) => ({ phase, a: left.get(phase), b: right.get(phase) })).filter((pair) => pair.a ?? pair.b);
}

function side(of: Timed): Map<string, Side> {
  const began = Math.min(...[...of.values()].map(({ from }) => from));
  const sides = new Map<string, Side>();
  for (const [step, { from, to }] of of) {
    const phase = phaseOf(step);
    const known = sides.get(phase);
    const end = (to ?? from) - began;
    sides.set(phase, { from: Math.min(known?.from ?? Infinity, from - began), to: Math.max(known?.to ?? 0, end), steps: (known?.steps ?? 0) + 1 });
  }
  return sides;
}

/** The steps that differ most, then those that only one run has. */
export function steps(a: Timed, b: Timed, most: number): StepPair[] {
  const took = (of: Timed, step: string) => {
    const known = of.get(step);
    return known?.to === undefined ? undefined : known.to - known.from;
  };
  const pairs = [...new Set([...a.keys(), ...b.keys()])].map((step) => ({ step, a: took(a, step), b: took(b, step) }));
  const apart = ({ a, b }: StepPair) => (a === undefined || b === undefined ? -1 : Math.abs(a - b));
  return pairs.sort((one, other) => apart(other) - apart(one) || one.step.localeCompare(other.step)).slice(0, most);
}
