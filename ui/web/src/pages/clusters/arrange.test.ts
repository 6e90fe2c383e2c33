import { expect, test } from "vitest";
import { arranged, different } from "./arrange";

const hosts = ["h10", "h2", "h1"].map((name, place) => ({ name, pods: [3, 12, 7][place] ?? 0 }));
const keys = { name: (row: { name: string }) => row.name, pods: (row: { pods: number }) => row.pods };
const by = (sort: string | undefined, typed = "") => arranged(hosts, keys, sort, typed, ({ name }) => `${name} Ready`).map(({ name }) => name);

test("names are ordered as people count, figures by size", () => {
  expect(by("name")).toEqual(["h1", "h2", "h10"]);
  expect(by("-name")).toEqual(["h10", "h2", "h1"]);
  expect(by("pods")).toEqual(["h10", "h1", "h2"]);
  expect(by(undefined)).toEqual(["h10", "h2", "h1"]);
  expect(by("no such column")).toEqual(["h10", "h2", "h1"]);
});

test("a row is found by every typed word, in any order and case", () => {
  expect(by("name", "ready H1")).toEqual(["h1", "h10"]);
  expect(by("name", "ready h3")).toEqual([]);
  expect(by("name", "   ")).toHaveLength(3);
});

test("a choice has each value once", () => {
  expect(different(["b", "a", "b", "a10", "a9"])).toEqual(["a", "a9", "a10", "b"]);
});
