import { expect, test } from "vitest";
import type { Record_ } from "./model";
import { Sequence } from "./sequence";

const record = (index: number): Record_ => ({ index, at: index, run: "r-1", event: { type: "runResumed" } });
const indices = (sequence: Sequence) => sequence.records.map(({ index }) => index);

test("what the stream says while pages are read comes after them, once", () => {
  const sequence = new Sequence();
  sequence.begin();
  expect(sequence.live(record(9))).toEqual([]);
  expect(sequence.live(record(5))).toEqual([]);
  sequence.page([record(2), record(5)]);
  expect(sequence.end(true).map(({ index }) => index)).toEqual([9]);
  expect(indices(sequence)).toEqual([2, 5, 9]);
  expect(sequence.live(record(9))).toEqual([]);
  sequence.live(record(12));
  expect(indices(sequence)).toEqual([2, 5, 9, 12]);
});

test("when reading fails, what the stream said is not taken: it may not follow", () => {
  const sequence = new Sequence();
  sequence.begin();
  sequence.page([record(1)]);
  sequence.live(record(9));
  sequence.end(false);
  expect(indices(sequence)).toEqual([1]);
  expect(sequence.next).toBe(2);
});

/** The same small numbers every time (a linear congruential generator; Numerical Recipes' constants). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])("twenty drops of the stream lose nothing and repeat nothing (%i)", (seed) => {
  const pick = numbers(seed);
  const ledger: Record_[] = [];
  const sequence = new Sequence();
  let index = 0;
  const happen = () => ledger.push(record((index += 1 + pick(4))));
  // The stream sends from a position of its own on, which may be behind what the page has: the server repeats then.
  let cursor = 0;
  const send = () => {
    const next = ledger[cursor];
    if (next) sequence.live(next);
    if (next) cursor += 1;
  };
  for (let drop = 0; drop < 20; drop += 1) {
    for (let n = pick(30); n > 0; n -= 1) happen();
    // What was in flight is lost with the line; it comes back somewhere before or at the end.
    cursor = Math.max(0, ledger.length - pick(12));
    sequence.begin();
    // Events happen and are streamed between two pages.
    for (let more = true; more; ) {
      const page = ledger.filter((each) => each.index >= sequence.next).slice(0, 1 + pick(7));
      for (let n = pick(3); n > 0; n -= 1) happen();
      for (let n = pick(4); n > 0; n -= 1) send();
      sequence.page(page);
      more = page.length > 0;
    }
    sequence.end(true);
    for (let n = pick(20); n > 0; n -= 1) {
      happen();
      send();
    }
  }
  while (cursor < ledger.length) send();
  expect(ledger.length).toBeGreaterThan(200);
  expect(indices(sequence)).toEqual(ledger.map((each) => each.index));
});
