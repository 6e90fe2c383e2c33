import { expect, test } from "vitest";
import { longestWay, plain } from "./durations";

test("a plan takes as long as its longest way", () => {
  const step = (id: string, kind: string, ...after: string[]) => ({ id, after, action: { kind } });
  expect(longestWay([step("a", "files"), step("b", "images", "a"), step("c", "files", "a"), step("d", "init", "b", "c")])).toBe(1500 + 20_000 + 2500);
  expect(longestWay([])).toBe(0);
  expect(plain("of a later version")).toBe(plain(undefined));
});
