import { expect, test } from "vitest";
import { estimate } from "./estimate";
import { emptyView, fold } from "./fold";
import { sinceStart, ticks } from "../../parts/gantt/bars";
import { rows } from "./layout";
import type { Event, Plan, Record_, Step } from "./model";

const step = (id: string, after: string[] = []): Step => {
  const [host = "", phase = ""] = id.split("/");
  return { id, host, phase: phase as Step["phase"], wave: 0, action: { kind: "service" }, after, quorum_critical: false };
};
const plan: Plan = {
  id: "p", site: "s", release: "1", intent: "install", report: [],
  steps: [step("cp/prepare/a"), step("cp/found/b", ["cp/prepare/a"]), step("w1/prepare/a"), step("w1/join/c", ["w1/prepare/a", "cp/found/b"])],
};
const at = (seconds: number, event: Event): Record_ => ({ index: seconds + 1, at: seconds * 1000, run: "r-1", event });
const history = new Map(plan.steps.map(({ id }) => [id, 10_000]));

test("bars lie where events put them, and what waits where it is expected", () => {
  const view = fold(emptyView(), [
    at(0, { type: "runStarted", plan: "p" }),
    at(1, { type: "stepStarted", step: "cp/prepare/a", attempt: 1 }),
    at(4, { type: "stepDone", step: "cp/prepare/a", attempt: 1 }),
    at(5, { type: "stepStarted", step: "cp/found/b", attempt: 1 }),
    at(6, { type: "stepStarted", step: "w1/prepare/a", attempt: 1 }),
  ]);
  const { ahead, share, end } = estimate(plan, view, history, 10_000);
  expect(share).toBeCloseTo((10 + 5 + 4) / 40);
  expect(end).toBe(26_000);
  const [cp, w1] = rows(plan, view, ahead, 10_000);
  expect(cp?.bars.map(({ phase, state, from, to }) => [phase, state, from, to])).toEqual([["prepare", "done", 1000, 4000], ["found", "running", 5000, 10_000]]);
  expect(w1?.bars.map(({ phase, state, from, to, waitsFor }) => [phase, state, from, to, waitsFor])).toEqual([
    ["prepare", "running", 6000, 10_000, []],
    ["join", "waiting", 16_000, 26_000, ["w1/prepare/a", "cp/found/b"]],
  ]);
});

test("what comes after a failed step never runs, and the run is not waited for on its account", () => {
  const failure = { what: "x", evidence: [], hint: null, exit_code: 1 };
  const view = fold(emptyView(), [
    at(1, { type: "stepStarted", step: "cp/prepare/a", attempt: 1 }),
    at(2, { type: "stepFailed", step: "cp/prepare/a", attempt: 1, failure }),
    at(3, { type: "hostDropped", host: "cp", step: "cp/prepare/a" }),
  ]);
  const { ahead, end } = estimate(plan, view, history, 3000);
  expect([...ahead.keys()]).toEqual(["w1/prepare/a"]);
  expect(end).toBe(13_000);
  const states = rows(plan, view, ahead, 3000).map(({ bars }) => bars.map(({ state }) => state).sort());
  expect(states).toEqual([["failed", "never"], ["never", "waiting"]]);
});

test("bars of a host that overlap lie in lanes", () => {
  const view = fold(emptyView(), [
    at(1, { type: "stepStarted", step: "cp/prepare/a", attempt: 1 }),
    at(2, { type: "stepStarted", step: "cp/found/b", attempt: 1 }),
    at(9, { type: "stepDone", step: "cp/found/b", attempt: 1 }),
  ]);
  const [cp] = rows(plan, view, new Map(), 10_000);
  expect(cp?.lanes).toBe(2);
});

test("an axis has whole marks and ends with one", () => {
  expect(ticks(84_000, 8)).toEqual([0, 15_000, 30_000, 45_000, 60_000, 75_000, 90_000]);
  expect(ticks(0, 8)).toEqual([0, 1000]);
  expect(ticks(5 * 86_400_000, 2)).toEqual([0, 259_200_000, 518_400_000]);
  expect([0, 90_000, 3_725_000].map(sinceStart)).toEqual(["0:00", "1:30", "1:02:05"]);
});
