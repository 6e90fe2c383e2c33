import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

type Catalog = Record<string, string>;

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).map((name) => join("src", name));
const areas = files.filter((name) => name.endsWith("/en.json")).map((name) => dirname(name));
const read = (area: string, language: string) => JSON.parse(readFileSync(join(area, `${language}.json`), "utf8")) as Catalog;
const en = Object.assign({}, ...areas.map((area) => read(area, "en"))) as Catalog;

const sources = files
  .filter((name) => /\.tsx?$/.test(name) && !name.includes(".test.") && name !== "src/api/schema.ts")
  .map((name) => readFileSync(name, "utf8"))
  .join("\n");

/** `{count}`, `{host}`: the names of what is filled in, each once. */
function placeholders(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\w+)[,}]/g)].map((match) => match[1] ?? ""))].sort();
}

test.each(areas)("%s says the same things with the same values in both languages", (area) => {
  const [english, chinese] = [read(area, "en"), read(area, "zh")];
  expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort());
  for (const [id, text] of Object.entries(english)) expect(placeholders(chinese[id] ?? ""), id).toEqual(placeholders(text));
});

test.each(areas)("ids of %s begin with its name, so that no two areas have the same", (area) => {
  const name = area.split("/").at(-1);
  for (const id of Object.keys(read(area, "en"))) expect(id.split(".")[0]).toBe(name);
});

test("every id in the sources has a text, and every text is used", () => {
  const used = new Set([...sources.matchAll(/["'`]([a-z]+(?:\.[\w-]+)+)["'`]/g)].map((match) => match[1] ?? ""));
  const asked = [...sources.matchAll(/\bt\(\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
  const prefixes = [...sources.matchAll(/`([a-z]+\.[\w.-]*)\$\{/g)].map((match) => match[1] ?? "");
  for (const id of asked) expect(en, id).toHaveProperty([id]);
  const unused = Object.keys(en).filter((id) => !used.has(id) && !prefixes.some((prefix) => id.startsWith(prefix)));
  expect(unused).toEqual([]);
});

test("Chinese is Chinese", () => {
  // Names that are the same in every language, and texts that are nothing but values and such names.
  const names = /Armilla|Kubernetes|SSH|YAML|CIDR|etcd|GPU|CPU|HTML|JSON|OIDC|SHA-256|\{[^}]*\}/g;
  const same = areas.flatMap((area) => {
    const chinese = read(area, "zh");
    return Object.entries(read(area, "en")).filter(([id, text]) => chinese[id] === text && /[a-z]{3}/i.test(text.replace(names, "")));
  });
  expect(same.map(([id]) => id)).toEqual([]);
});

test("what people read comes from a catalogue", () => {
  const components = files.filter((name) => name.endsWith(".tsx") && !name.includes(".test."));
  const bare = components.flatMap((name) => {
    const text = readFileSync(name, "utf8");
    // Words between two tags, `>Install<`; keys are called as they are in every language.
    return [...text.matchAll(/<(?!kbd)\/?[\w.]+(?:\s[^<>{}]*)?>\s*([A-Za-z][A-Za-z ,.']{2,})\s*</g)].map((match) => `${name}: ${match[1]}`);
  });
  expect(bare.filter((found) => !found.endsWith(": English"))).toEqual([]);
});
