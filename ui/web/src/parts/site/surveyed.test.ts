import { expect, test } from "vitest";
import { ownNames, strengthOf, type Survey } from "./surveyed";
import { view, withNames } from "./text";

const text = (...names: string[]) => `metadata: {name: s}\nhosts:\n${names.map((name, index) => `  - {name: ${name}, address: 10.0.0.${index + 1}} # rack ${index}\n`).join("")}`;
const survey = (hosts: Record<string, string | null>): Survey => ({ hosts: Object.fromEntries(Object.entries(hosts).map(([name, hostname]) => [name, { facts: { hostname } }])) });
const named = (names: string[], said: Record<string, string | null>) => [...ownNames(view(text(...names)), survey(said))].map((pair) => pair.join(">"));

test.each<[string, string[], Record<string, string | null>, string[]]>([
  ["what nobody named is called what it calls itself", ["node-1", "node-2"], { "node-1": "DB.shop.example", "node-2": "web" }, ["node-1>db", "node-2>web"]],
  ["a name that somebody gave stays", ["db", "node-2"], { db: "other", "node-2": "web" }, ["node-2>web"]],
  ["clones stay apart", ["node-1", "node-2", "node-3"], { "node-1": "clone", "node-2": "clone", "node-3": "own" }, ["node-3>own"]],
  ["a name that another host has is not taken", ["node-1", "db"], { "node-1": "db", db: "x" }, []],
  ["what is no name is none", ["node-1", "node-2", "node-3"], { "node-1": "localhost", "node-2": "web_2", "node-3": null }, []],
])("%s", (_, names, said, wanted) => expect(named(names, said)).toEqual(wanted));

test("hosts get their names in the text, and nothing else is another", () => {
  const before = text("node-1", "node-2");
  expect(withNames(before, new Map([["node-2", "web"]]))).toBe(before.replace("node-2", "web"));
  expect(withNames(before, new Map())).toBe(before);
});

test("strength is what was read", () => {
  const read: Survey = { hosts: { a: { facts: { cpu: { count: 4 }, memory: { total: 8e9 } } }, b: { facts: { cpu: {}, memory: null } } } };
  expect(["a", "b", "c"].map((name) => strengthOf(read, name))).toEqual([{ cpus: 4, memory: 8e9 }, {}, {}]);
});
