import { expect, test } from "vitest";
import { axis, DAY, daysLeft, expiryTone, histogram, MARKS } from "./when";

test("the axis has its marks at even distances and never goes back", () => {
  expect(MARKS.map(axis)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  const along = Array.from({ length: 4000 }, (_, day) => axis(day - 100));
  expect(along).toEqual([...along].sort((one, other) => one - other));
  expect([axis(-5), axis(99_999)]).toEqual([0, 1]);
});

test("a certificate that ends within the day has none left, one that has ended fewer", () => {
  expect(daysLeft(10 * DAY, 9.5 * DAY)).toBe(0);
  expect(daysLeft(10 * DAY, 10.1 * DAY)).toBe(-1);
  expect([-1, 6, 7, 29, 30].map(expiryTone)).toEqual(["bad", "bad", "warn", "warn", "ok"]);
});

test("events fall into their spans, and those out of sight into none", () => {
  const minute = 60_000;
  const now = 1000 * 60 * minute + 2 * minute;
  const events = [
    { at: now - minute, warning: true }, { at: now - 4 * minute, warning: false }, { at: now - 61 * minute, warning: false }, { at: null, warning: true },
  ];
  const buckets = histogram(events, now);
  expect(buckets).toHaveLength(12);
  expect(buckets.at(-1)).toMatchObject({ warning: 1, normal: 0 });
  expect(buckets.at(-2)).toMatchObject({ warning: 0, normal: 1 });
  expect(buckets.reduce((sum, { normal, warning }) => sum + normal + warning, 0)).toBe(2);
});
