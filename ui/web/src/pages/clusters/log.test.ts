import { expect, test } from "vitest";
import { coloured, Log, plain } from "./log";

const stamp = (second: number) => `2026-11-21T11:00:0${second}.000000001Z`;

test("lines come whole, wherever the pieces were cut", () => {
  const text = `${stamp(1)} one\n${stamp(2)} two: 中文\n${stamp(3)} thr`;
  for (let cut = 0; cut <= text.length; cut += 1) {
    const log = new Log();
    log.take(text.slice(0, cut));
    log.take(text.slice(cut));
    expect(log.lines).toEqual([{ at: stamp(1), text: "one" }, { at: stamp(2), text: "two: 中文" }]);
    log.end();
    expect(log.lines.at(-1)).toEqual({ at: stamp(3), text: "thr" });
  }
});

test("after a cut, what was there already does not come twice and nothing is lost", () => {
  const log = new Log();
  log.take(`${stamp(1)} a\n${stamp(2)} b\n`);
  const after = log.last;
  log.take(`${stamp(1)} a\n${stamp(2)} b\n${stamp(3)} c\n`, after);
  expect(log.lines.map(({ text }) => text)).toEqual(["a", "b", "c"]);
});

test("a line without a stamp is a line all the same, and an empty one stays", () => {
  const log = new Log();
  log.take(`no stamp\n${stamp(4)}\n${stamp(5)} \n\n`);
  expect(log.lines).toEqual([{ at: "", text: "no stamp" }, { at: stamp(4), text: "" }, { at: stamp(5), text: "" }, { at: "", text: "" }]);
  expect(log.last).toBe(stamp(5));
});

test("of a long log the newest lines are kept and the others counted", () => {
  const log = new Log();
  log.take("x\n".repeat(50_010));
  expect([log.lines.length, log.dropped]).toEqual([50_000, 10]);
});

test("colours are seen, other sequences of terminals are not", () => {
  expect(coloured("\u001b[32mINFO\u001b[0m up")).toEqual([{ text: "INFO", style: "log-green" }, { text: " up", style: "" }]);
  expect(coloured("\u001b[1;31mERR")).toEqual([{ text: "ERR", style: "log-red log-bold" }]);
  expect(coloured("\u001b[38;5;196mx\u001b[38;2;1;31;3my")).toEqual([{ text: "x", style: "" }, { text: "y", style: "" }]);
  expect(plain("\u001b]0;title\u0007\u001b[2K\u001b[31mred\u001b[m\u001b(B")).toContain("red");
  expect(plain("\u001b[2J\u001b[Hclear")).toBe("clear");
});
