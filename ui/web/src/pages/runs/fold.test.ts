import { expect, test } from "vitest";
import { emptyView, fold } from "./fold";
import type { Event, Record_ } from "./model";

const failure = { what: "join", evidence: ["no route"], hint: "look at the cable", exit_code: 1 };
const story: Event[] = [
  { type: "runStarted", plan: "p" },
  { type: "stepStarted", step: "cp/prepare/modules", attempt: 1 },
  { type: "stepMet", step: "cp/prepare/modules", attempt: 1 },
  { type: "stepStarted", step: "w1/join/join", attempt: 1 },
  { type: "stepFailed", step: "w1/join/join", attempt: 1, failure },
  { type: "hostDropped", host: "w1", step: "w1/join/join" },
  { type: "hostRetried", host: "w1", steps: ["w1/join/join"] },
  { type: "stepStarted", step: "w1/join/join", attempt: 2 },
  { type: "stepDone", step: "w1/join/join", attempt: 2, output: { length: 3 } },
  { type: "unknown" },
  { type: "runEnded", outcome: "healthy" },
];
const records: Record_[] = story.map((event, at) => ({ index: 2 * at + 1, at: 1000 + at, run: "r-1", event }));

test("events give the same view however they come in pieces, and however often", () => {
  const whole = fold(emptyView(), records);
  expect(whole.outcome).toBe("healthy");
  expect(whole.steps.get("w1/join/join")).toEqual({ state: "done", attempt: 2, startedAt: 1007, endedAt: 1008, output: { length: 3 } });
  expect([...whole.dropped]).toEqual([]);
  for (let cut = 0; cut <= records.length; cut += 1) {
    const piecemeal = fold(fold(emptyView(), records.slice(0, cut)), records);
    expect(piecemeal).toEqual(whole);
  }
});

test("a view that was folded further stays as it was", () => {
  const before = fold(emptyView(), records.slice(0, 6));
  fold(before, records);
  expect(before.dropped.get("w1")).toBe("w1/join/join");
  expect(before.steps.get("w1/join/join")?.state).toBe("failed");
});

test("a run that is taken up again tries again what failed", () => {
  const failed = fold(emptyView(), [...records.slice(0, 6), { index: 99, at: 2000, run: "r-1", event: { type: "runEnded", outcome: "degraded" } }]);
  const resumed = fold(failed, [{ index: 100, at: 3000, run: "r-1", event: { type: "runResumed" } }]);
  expect([...resumed.steps.keys()]).toEqual(["cp/prepare/modules"]);
  expect(resumed.outcome).toBeUndefined();
  expect(resumed.dropped.size).toBe(0);
});
