import { expect, test } from "vitest";
import { emptyView, fold } from "./fold";
import { rows } from "./layout";
import type { Plan, Record_ } from "./model";
import { escaped, json, page } from "./report";

const evil = '<script>alert("1")</script>';
const plan: Plan = {
  id: "p", site: "lab", release: "1.0", intent: "install", report: [],
  steps: [{ id: "w1/join/join", host: "w1", phase: "join", wave: 0, action: { kind: "joinWorker", node: evil }, after: [], quorum_critical: false }],
};
const records: Record_[] = [
  { index: 1, at: 1000, run: "r-1", event: { type: "runStarted", plan: "p" } },
  { index: 2, at: 2000, run: "r-1", event: { type: "stepStarted", step: "w1/join/join", attempt: 1 } },
  { index: 3, at: 9000, run: "r-1", event: { type: "stepFailed", step: "w1/join/join", attempt: 1, failure: { what: evil, evidence: [evil], hint: evil, exit_code: 1 } } },
  { index: 4, at: 9500, run: "r-1", event: { type: "runEnded", outcome: "failed" } },
];
const view = fold(emptyView(), records);
const whole = { run: { id: "r-1", site: "lab", plan: "p", state: "failed", startedAt: 1000 }, plan, view, records, rows: rows(plan, view, new Map(), 9500) };

test("a report says what failed, and nothing that a host said becomes part of the page", () => {
  const text = page(whole, (id, values) => `${id} ${Object.values(values ?? {}).join(" ")}`, (text) => text, "en");
  expect(text).not.toContain("<script");
  expect(text).toContain(escaped(evil));
  expect(text).toContain('<rect class="failed"');
  expect(text).not.toMatch(/https?:\/\//);
});

test("the record as JSON has every step with how it stands, and every event", () => {
  const told = JSON.parse(json(whole)) as { state: string; steps: { state: string }[]; events: unknown[] };
  expect(told.state).toBe("failed");
  expect(told.steps.map(({ state }) => state)).toEqual(["failed"]);
  expect(told.events).toHaveLength(4);
});
