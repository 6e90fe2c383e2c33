import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { holes, isSaid, literals, sources } from "./rust";
import { COMMAND, UNSAID } from "./unsaid";

/** Everything whose sentences can reach a page. */
const ROOTS = [
  "installer/cluster", "installer/hand", "installer/import", "installer/model", "installer/plan", "installer/render", "installer/run",
  "installer/ssh", "installer/wire", "appliance/api", "appliance/control", "appliance/ledger", "appliance/store", "bundles/format",
  "bundles/store",
];

const said = ROOTS.flatMap((root) => {
  const folder = join("../..", root, "src");
  return sources(folder).map((name) => ({ file: `${root}/src/${name}`, found: literals(readFileSync(join(folder, name), "utf8")) }));
});
const files = readdirSync("src/said").filter((name) => name.endsWith(".zh.json"));
const catalogs = new Map(files.map((name) => [name, JSON.parse(readFileSync(join("src/said", name), "utf8")) as Record<string, string>]));
const chinese = Object.assign({}, ...catalogs.values()) as Record<string, string>;

const isUnsaid = (file: string, text: string) =>
  COMMAND.test(text) || UNSAID.some((entry) => (entry.file.endsWith("/") ? file.startsWith(entry.file) : file === entry.file) && (!entry.texts || entry.texts.includes(text)));

test.each(ROOTS)("%s says nothing that has no Chinese", (root) => {
  const lacking = said.filter(({ file }) => file.startsWith(`${root}/`)).flatMap(({ file, found }) =>
    found.map(({ text, line }) => ({ text: holes(text), line })).filter(({ text }) => isSaid(text) && chinese[text] === undefined && !isUnsaid(file, text))
      .map(({ text, line }) => `${file}:${line} ${JSON.stringify(text)}`));
  expect(lacking).toEqual([]);
});

// What the kernel and the libraries below say stands in no source of ours; checks have their Chinese in the source: findings.test.ts.
test.each(files.filter((name) => name !== "system.zh.json" && name !== "findings.zh.json"))("%s has nothing that no source says", (name) => {
  const texts = new Set(said.flatMap(({ found }) => found.map(({ text }) => holes(text))));
  expect(Object.keys(catalogs.get(name) ?? {}).filter((english) => !texts.has(english))).toEqual([]);
});

test.each(files)("%s is Chinese, with the holes of the English", (name) => {
  for (const [english, text] of Object.entries(catalogs.get(name) ?? {})) {
    const numbers = (of: string) => [...of.matchAll(/\{(\d+)\}/g)].map((match) => match[1]).sort();
    expect(numbers(text), english).toEqual(numbers(english));
    expect(text, english).toMatch(/\p{Script=Han}/u);
  }
});

test("no sentence has two translations", () => {
  const all = [...catalogs.values()].flatMap((catalog) => Object.keys(catalog));
  expect(all.filter((english, index) => all.indexOf(english) !== index)).toEqual([]);
});

test("what is listed as unsaid is there", () => {
  const gone = UNSAID.flatMap(({ file, texts }) => {
    const found = said.filter((each) => each.file.startsWith(file)).flatMap((each) => each.found.map(({ text }) => holes(text)));
    return found.length === 0 ? [file] : (texts ?? []).filter((text) => !found.includes(text)).map((text) => `${file}: ${text}`);
  });
  expect(gone).toEqual([]);
});
