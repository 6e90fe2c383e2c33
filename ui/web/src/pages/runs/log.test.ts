import { expect, test } from "vitest";
import { Log, lineStarts, nameOf, textOf, type Filter } from "./log";
import type { Event, Record_ } from "./model";

const record = (index: number, event: Event): Record_ => ({ index, at: index * 10, run: "r-1", event });
const say = ({ event }: Record_) => event.type;
const RECORDS: Record_[] = [
  record(3, { type: "runStarted", plan: "p" }),
  record(5, { type: "stepStarted", step: "cp/found/certs", attempt: 1 }),
  record(8, { type: "stepDone", step: "cp/found/certs", attempt: 1, output: { length: 9 } }),
  record(9, { type: "stepFailed", step: "w1/join/join", attempt: 1, failure: { what: "join", evidence: [], hint: null, exit_code: 1 }, output: { length: 4 } }),
  record(12, { type: "hostDropped", host: "w1", step: "w1/join/join" }),
];

function shown(log: Log, filter: Filter = {}): string[] {
  const lines = log.lines(filter, say);
  return Array.from({ length: lines.length }, (_, at) => {
    const block = log.blocks[lines.block[at] ?? 0];
    return block ? `${nameOf(block, lines.line[at] ?? 0)} ${textOf(block, lines.line[at] ?? 0, say)}` : "";
  });
}

test("an output stands under its event whenever it comes, and once", () => {
  const log = new Log();
  log.take(RECORDS.slice(0, 4));
  expect(log.missing().map(({ index }) => index)).toEqual([9, 8]);
  log.put(8, "one\ntwo\n");
  log.put(8, "one\ntwo\n");
  log.take(RECORDS);
  log.take(RECORDS);
  log.put(9, "boom");
  expect(shown(log)).toEqual(["3 runStarted", "5 stepStarted", "8 stepDone", "8.1 one", "8.2 two", "9 stepFailed", "9.1 boom", "12 hostDropped"]);
  expect(log.missing()).toEqual([]);
});

test("facets are of the line's host, phase and level, and a text is looked for in each line", () => {
  const log = new Log();
  log.take(RECORDS);
  log.put(8, "one\ntwo");
  expect(shown(log, { host: "w1" })).toEqual(["9 stepFailed", "12 hostDropped"]);
  expect(shown(log, { phase: "found", level: "output" })).toEqual(["8.1 one", "8.2 two"]);
  expect(shown(log, { text: "TWO" })).toEqual(["8.2 two"]);
  const lines = log.lines({ level: "output" }, say);
  expect(log.place("8.2", lines)).toBe(1);
  expect(log.place("12", lines)).toBe(-1);
});

test("lines begin after each end of line, the last of which begins none", () => {
  expect([...lineStarts("a\n\nb\n")]).toEqual([0, 2, 3]);
  expect([...lineStarts("")]).toEqual([0]);
});

test("a million lines are listed and narrowed within a moment", () => {
  const log = new Log();
  const text = Array.from({ length: 10_000 }, (_, line) => `line ${line} of a talkative command`).join("\n");
  const steps = Array.from({ length: 100 }, (_, n) => record(n + 1, { type: "stepDone", step: `h${n}/place/x`, attempt: 1, output: { length: text.length } }));
  log.take(steps);
  for (const { index } of steps) log.put(index, text);
  const all = log.lines({}, say);
  expect(all.length).toBe(1_000_100);
  expect(log.place("100.10000", all)).toBe(1_000_099);
  expect(log.lines({ host: "h7" }, say).length).toBe(10_001);
});
