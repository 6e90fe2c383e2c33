import { expect, test } from "vitest";
import { Rates } from "./rates";

const progress = (step: string, bytesDone: number, attempt = 1) => ({ run: "r-1", step, attempt, bytesDone, bytesTotal: 1000, note: null });

test("a rate is taken over the last seconds, and is none when nothing comes", () => {
  const rates = new Rates();
  for (let second = 0; second <= 10; second += 1) rates.take(progress("w1/place/a", second * 10 + (second > 5 ? 50 * (second - 5) : 0)), second * 1000);
  expect(rates.of(10_000, "w1")).toEqual({ done: 350, total: 1000, perSecond: 60 });
  expect(rates.of(20_000)?.perSecond).toBe(0);
  rates.end("w1/place/a");
  expect(rates.of(20_000)).toBeUndefined();
});

test("hosts add up, and another attempt begins anew", () => {
  const rates = new Rates();
  rates.take(progress("w1/place/a", 500), 0);
  rates.take(progress("w1/place/a", 10, 2), 1000);
  rates.take(progress("w2/place/a", 40), 1000);
  expect(rates.of(1000)).toEqual({ done: 50, total: 2000, perSecond: 0 });
  expect(rates.of(1000, "w2")?.done).toBe(40);
  expect(rates.of(1000, "w3")).toBeUndefined();
});
