import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import titles from "./findings.zh.json";

const FOLDER = "../../installer/plan/src/preflight";
/** `check("swap", ("Swap", "交换分区")` and `Words { en: "…", zh: "…" }`. */
const TWINS = /\bcheck\(\s*"[^"]+",\s*\("([^"{]+)",\s*"([^"]+)"|\ben: "([^"{]+)",\s*zh: "([^"]+)"/g;

test("checks are called in Chinese as they call themselves", () => {
  const sources = readdirSync(FOLDER).filter((name) => name.endsWith(".rs")).sort().map((name) => readFileSync(join(FOLDER, name), "utf8"));
  const twins = sources.flatMap((source) => [...source.matchAll(TWINS)].map(([, title, chinese, why, because]) => [title ?? why, chinese ?? because]));
  expect(twins.length).toBeGreaterThan(40);
  expect(titles).toEqual(Object.fromEntries(twins.filter(([english]) => english?.includes(" "))));
});
