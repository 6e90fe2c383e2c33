import { expect, test } from "vitest";
import { groups, rows, tally, type Finding } from "./findings";
import { bytesByHost, planSaid, usual } from "./plan";

const image = { manifest: { digest: "m", size: 1 }, config: { digest: "c", size: 2 }, layers: [{ digest: "l", size: 10 }, { digest: "l", size: 10 }] };

test("a blob counts once for each host", () => {
  const step = (host: string, action: object) => ({ host, action });
  const files = [{ source: { blob: { name: "kubelet", blob: "k", blob_size: 100 } } }, { source: { text: "x" } }];
  const bytes = bytesByHost({ steps: [step("a", { images: [image] }), step("a", { images: [image] }), step("a", { files }), step("b", { files }), step("b", {})] });
  expect([...bytes]).toEqual([["a", 113], ["b", 100]]);
  expect([...bytesByHost({})]).toEqual([]);
});

test("the usual length is the middle of healthy runs", () => {
  const run = (took: number, state = "healthy") => ({ startedAt: 1000, endedAt: 1000 + took, state });
  expect(usual([run(50), run(900), run(60), run(1, "failed")], 100)).toBe(60);
  expect(usual([run(50), run(9), run(8)], 100), "runs that found all of it done are not looked at").toBe(50);
  expect(usual([{ startedAt: 1, endedAt: null, state: "open" }], 0)).toBeUndefined();
});

const finding = (id: string, host: string | null, severity: Finding["severity"], waived?: object): Finding => ({
  id, host, severity, title: { en: id, zh: id }, text: { en: "", zh: "" }, observed: "", wanted: "", ...(waived && { waived }),
});

test("what stands in the way comes first, what is waived does not stand in it", () => {
  const all = rows([finding("a", "h1", "info"), finding("b", "h1", "refuse", {}), finding("c", "h2", "refuse"), finding("d", null, "warn"), finding("a", "h1", "warn")]);
  expect(all.map(({ id, stops }) => `${id}${stops ? "!" : ""}`)).toEqual(["c!", "a", "d", "b"]);
  expect(all[1]?.cells.get("h1")?.severity).toBe("warn");
  expect(all[2]?.cells.has("")).toBe(true);
});

test("what passed is counted and grouped with what was found", () => {
  const kind = (id: string, wholeSite = false) => ({ id, title: { en: id, zh: id }, wholeSite });
  const area = (title: string, ...ids: string[]) => ({ title: { en: title, zh: title }, checks: ids.map((id) => kind(id)) });
  const all = rows([finding("b1", "h1", "info"), finding("c2", "h1", "refuse"), finding("c1", "h1", "warn"), finding("c3", "h1", "refuse", {}), finding("new", "h2", "warn")]);
  const grouped = groups(all, [area("a", "a1", "a2"), area("b", "b1", "b2"), area("c", "c1", "c2", "c3")]);
  expect(grouped.map(({ title, found, passed }) => [title?.en, found.map(({ id }) => id).join(), passed.length])).toEqual([
    ["c", "c2,c1,c3", 0], [undefined, "new", 0], ["b", "b1", 1], ["a", "", 2],
  ]);
  expect(tally(grouped)).toEqual({ refuse: 1, warn: 2, info: 1, waived: 1, passed: 3, made: 8 });
  expect(groups(all, []).length, "a server that does not say which checks there are").toBe(1);
});

test("a plan's words are in the reader's language, its ids and contents are not", () => {
  const chinese: Record<string, string> = { "load br_netfilter": "加载 br_netfilter", "  wave 2": "  第 2 批", "  because \u0001": "  因为 \u0001", "2 steps": "2 步" };
  const say = (text: string) => chinese[text] ?? text;
  const text = "  because 2 steps\n\nprepare\n  h1\n  ! h1/prepare/modules          load br_netfilter  wave 2  after h1/a/b\n    h1/prepare/sysctls          load br_netfilter\n~ h1/prepare/modules  load br_netfilter\n      load br_netfilter";
  expect(planSaid(text, say, (id) => `<${id}>`)).toBe(
    "  因为 2 步\n\n<parts.phase.prepare>\n  h1\n  ! h1/prepare/modules          加载 br_netfilter  第 2 批  after h1/a/b\n    h1/prepare/sysctls          加载 br_netfilter\n~ h1/prepare/modules  加载 br_netfilter\n      load br_netfilter");
});
