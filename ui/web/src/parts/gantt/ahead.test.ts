import { expect, test } from "vitest";
import { ahead } from "./ahead";
import { plain } from "../plan/durations";
import type { Step } from "../plan/model";

const step = (id: string, kind: string, ...after: string[]): Step => {
  const [host = "", phase = ""] = id.split("/");
  return { id, host, phase: phase as Step["phase"], wave: 0, action: { kind }, after, quorum_critical: false };
};
const plan = [
  step("cp/prepare/a", "files"), step("cp/prepare/b", "service", "cp/prepare/a"), step("cp/import/c", "images", "cp/prepare/a"), step("cp/found/d", "init", "cp/prepare/b", "cp/import/c"),
  step("w1/prepare/a", "files"), step("w1/join/b", "joinWorker", "w1/prepare/a", "cp/found/d"),
];

test("steps begin when those before them have ended, and the longest way is marked", () => {
  const { rows, end } = ahead(plan);
  expect(end).toBe(1500 + 20_000 + 2500 + 9000);
  expect(rows.map(({ host, bars }) => [host, bars.map(({ phase, from, to, critical }) => [phase, from, to, critical])])).toEqual([
    ["cp", [["prepare", 0, 3000, true], ["import", 1500, 21_500, true], ["found", 21_500, 24_000, true]]],
    ["w1", [["prepare", 0, 1500, false], ["join", 24_000, 33_000, true]]],
  ]);
  expect(rows[0]?.lanes, "bars that overlap lie in lanes").toBe(2);
});

test("a slower site is the same picture on a longer axis", () => {
  expect(ahead(plan, 2).end).toBe(2 * ahead(plan).end);
  expect(ahead([])).toEqual({ rows: [], end: 0 });
});

test("a kind of step that is not known takes a moment", () => {
  expect(plain("of a later version")).toBe(plain(undefined));
});
