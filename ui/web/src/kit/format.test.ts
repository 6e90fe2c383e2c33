import { expect, test } from "vitest";
import { bytes, duration, relative, shortened } from "./format";

test("times are said as from now", () => {
  expect(relative(0, 3 * 60_000 + 5_000, "en-GB")).toBe("3 min ago");
  expect(relative(2 * 86_400_000, 0, "zh-CN")).toBe("后天");
  expect(relative(0, 0, "en-GB")).toBe("now");
});

test("durations have two units at most", () => {
  expect(duration(850, "en-GB")).toBe("850 ms");
  expect(duration(192_000, "en-GB")).toBe("3 min 12 s");
  expect(duration(2 * 3_600_000 + 59_000, "en-GB")).toBe("2 h");
  expect(duration(192_000, "zh-CN")).toBe("3 分钟 12 秒");
});

test("sizes are powers of 1000", () => {
  expect(bytes(0, "en-GB")).toEqual(["0", "B"]);
  expect(bytes(999, "en-GB")).toEqual(["999", "B"]);
  expect(bytes(1_449_000_000, "en-GB")).toEqual(["1.4", "GB"]);
  expect(bytes(250_000_000, "en-GB")).toEqual(["250", "MB"]);
});

test("what is short stays whole", () => {
  expect(shortened("abcdefghij", 3)).toBe("abc…hij");
  expect(shortened("abcdefg", 3)).toBe("abcdefg");
});
