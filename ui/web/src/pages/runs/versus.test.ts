import { expect, test } from "vitest";
import { phases, steps, type Timed } from "./versus";

const timed = (of: Record<string, [number, number | undefined]>): Timed =>
  new Map(Object.entries(of).map(([step, [from, to]]) => [step, { from, to }]));
const a = timed({ "cp/prepare/a": [100, 120], "cp/found/b": [120, 320], "w1/join/c": [300, 400] });
const b = timed({ "cp/prepare/a": [5000, 5090], "cp/found/b": [5090, 5300], "cp/equip/d": [5300, undefined] });

test("phases are laid over each other from the beginning of their run", () => {
  expect(phases(a, b)).toEqual([
    { phase: "prepare", a: { from: 0, to: 20, steps: 1 }, b: { from: 0, to: 90, steps: 1 } },
    { phase: "found", a: { from: 20, to: 220, steps: 1 }, b: { from: 90, to: 300, steps: 1 } },
    { phase: "join", a: { from: 200, to: 300, steps: 1 }, b: undefined },
    { phase: "equip", a: undefined, b: { from: 300, to: 300, steps: 1 } },
  ]);
});

test("steps that differ most come first, those of one run last", () => {
  expect(steps(a, b, 3)).toEqual([
    { step: "cp/prepare/a", a: 20, b: 90 },
    { step: "cp/found/b", a: 200, b: 210 },
    { step: "cp/equip/d", a: undefined, b: undefined },
  ]);
});
