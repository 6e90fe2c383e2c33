import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import en from "./en/messages.json";
import zh from "./zh/messages.json";

const catalogs: Record<string, Record<string, string>> = { en, zh };

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes(".test."))
    .map((name) => readFileSync(join(folder, name), "utf8"));
}

/** `{count}`, `{host}`: the names of what is filled in, sorted. */
function placeholders(text: string): string[] {
  return [...text.matchAll(/\{(\w+)/g)].map((match) => match[1] ?? "").sort();
}

test("both catalogues say the same things with the same values", () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  for (const [id, text] of Object.entries(en)) {
    expect(placeholders(catalogs.zh?.[id] ?? ""), id).toEqual(placeholders(text));
  }
});

test("every id in the sources has a text, and every text is used", () => {
  const all = sources("src").join("\n");
  const used = [...all.matchAll(/\bt\(\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
  const prefixes = [...all.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)].map((match) => match[1] ?? "");
  for (const id of used) expect(en, id).toHaveProperty([id]);
  for (const id of Object.keys(en)) {
    expect(used.includes(id) || prefixes.some((prefix) => id.startsWith(prefix)), `${id} is used`).toBe(true);
  }
});

test("Chinese is Chinese", () => {
  const same = Object.entries(en).filter(([id, text]) => zh[id as keyof typeof zh] === text && /[a-z]{4}/.test(text));
  expect(same.map(([id]) => id)).toEqual(["app.name"]);
});
