/**
 * Whatever a page changes, its area shows the line that does the same. Which verb belongs to a route says `appliance/tests/routes.rs`,
 * where each verb is run and what it asks of a server is written down: the line that is shown does replay.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const table = readFileSync("../../appliance/tests/routes.rs", "utf8");
/** The words of a verb by its route, without names and flags: `user set`. */
const verbs = new Map(
  [...table.matchAll(/"((?:POST|PUT|PATCH|DELETE) [^"]+)",\s*Verb::Line\(\s*"([^"]+)"/g)].map(([, route = "", line = ""]) => {
    const words = line.split(" ");
    const names = words.findIndex((word, place) => place > 0 && (!/^[a-z-]+$/.test(word) || word.startsWith("-") || word === "x"));
    return [route, (names < 0 ? words : words.slice(0, names)).join(" ")];
  }),
);

/** What a page does for itself, and what is part of another verb. */
const NONE = new Map([
  ["PUT /api/v1/sites/{name}/draft", "the page's own memory: what it leads to is a site file, which every step shows"],
  ["DELETE /api/v1/sites/{name}/draft", "the page's own memory"],
  ["POST /api/v1/sites/validate", "asks, and changes nothing"],
  ["POST /api/v1/uploads", "a piece of `bundle add`"],
  ["DELETE /api/v1/uploads/{id}", "a piece of `bundle add`"],
  ["POST /api/v1/uploads/{id}/complete", "a piece of `bundle add`"],
]);

/** The wizard's own way to a run: its steps show the one line that does all of it from the text beside it, `check`, `plan`, then `apply`. */
const WIZARD = new Set([
  "POST /api/v1/sites", "PUT /api/v1/sites/{name}", "PUT /api/v1/sites/{name}/credentials/{id}", "POST /api/v1/sites/{name}/scan",
  // `init --from` reads the same files.
  "POST /api/v1/sites/import",
]);

type Call = { area: string; route: string };

const read = (folder: string) => readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name) && !name.includes(".test.")).map((name) => join(folder, name));
const areaOf = (file: string) => (file.startsWith("src/pages/") ? file.split("/").slice(0, 3).join("/") : dirname(file));
const sources = [...read("src/pages"), ...read("src/parts")].map((file) => ({ area: areaOf(file), text: readFileSync(file, "utf8") }));

const calls: Call[] = sources.flatMap(({ area, text }) => [...text.matchAll(/api\.(POST|PUT|PATCH|DELETE)\("([^"]+)"/g)].map(([, method, path]) => ({ area, route: `${method} ${path}` })));
/** The lines that an area shows: all its texts from `armilla` on. */
const shown = (area: string) => sources.filter((each) => each.area === area || (area.startsWith("src/parts") && each.area.startsWith("src/parts"))).flatMap(({ text }) => [...text.matchAll(/armilla ([^"`]+)|<Twin verb="([^"]+)"/g)].flatMap((match) => (match[1] ?? match[2] ?? "").split("\\narmilla ")));

test("the table of verbs is read", () => {
  expect(verbs.get("PATCH /api/v1/users/{name}")).toBe("user set");
  expect(verbs.get("POST /api/v1/runs")).toBe("apply");
  expect(verbs.size).toBeGreaterThan(30);
});

test("every change that a page makes has its line beside it", () => {
  expect(calls.length).toBeGreaterThan(30);
  const lacking = calls.filter(({ area, route }) => {
    if (NONE.has(route) || (area === "src/pages/install" && WIZARD.has(route))) return false;
    const verb = verbs.get(route);
    return !verb || !shown(area).some((line) => line.startsWith(verb));
  });
  expect([...new Set(lacking.map(({ area, route }) => `${area}: ${route} (${verbs.get(route) ?? "no verb"})`))]).toEqual([]);
});
