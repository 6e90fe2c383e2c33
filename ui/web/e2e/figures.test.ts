/** What the web UI costs a browser, as figures: `make bench PART=ui`. Nothing here fails because a machine is slow. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build, preview } from "vite";
import { launch, Person } from "./browser";
import { Recorded } from "./recorded";
import { Server } from "./server";

const wanted = process.env.FIGURES;
const user = { name: "anna", password: "correct horse battery" };
let browser: Browser;
let server: Server;
let state: string;

const figure = (what: string, measured: string, aim: string) => console.log(`figure | ${what} | ${measured} | ${aim} |`);
const sorted = (values: number[]) => [...values].sort((one, other) => one - other);
const median = (values: number[]) => sorted(values)[Math.floor(values.length / 2)] ?? NaN;
const share = (values: number[], part: number) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? NaN;

beforeAll(async () => {
  if (!wanted) return;
  state = mkdtempSync(join(tmpdir(), "armilla-e2e-"));
  [browser, server] = await Promise.all([launch(), Server.start(state)]);
  const first = await Person.at(browser, server.url, "en", "light");
  await first.context.request.post("/api/v1/setup", { data: { code: server.code, user: user.name, password: user.password } });
  await logIn(first);
  const hosts = Array.from({ length: 1000 }, (_, at) => `  - {name: h${at + 1}, address: 10.1.${Math.floor(at / 250)}.${(at % 250) + 1}, roles: [${at === 0 ? "control-plane" : "worker"}]}`);
  const made = await first.context.request.post("/api/v1/sites", { data: { text: ["apiVersion: armilla/v1", "kind: Site", "metadata: {name: large}", "ssh: {user: root, agent: true}", "network: {podCIDR: 10.128.0.0/12}", "hosts:", ...hosts].join("\n") } });
  expect(made.ok(), await made.text()).toBe(true);
  await first.close();
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

async function logIn(person: Person): Promise<void> {
  const answer = await person.context.request.post("/api/v1/sessions", { data: { user: user.name, password: user.password } });
  expect(answer.status()).toBe(201);
}

/** Latency in milliseconds there and back, bytes a second, how many times slower the processor is. */
const LINKS = [["LAN", 0, -1, 1, 0.3, 0.7], ["10 Mbit/s, 20 ms", 20, 1.25e6, 1, 0.4, 0.9], ["VSAT: 2 Mbit/s, 600 ms, processor ÷ 4", 600, 2.5e5, 4, 1.2, 3.0]] as const;

async function slowed(context: BrowserContext, page: Page, latency: number, throughput: number, slower: number): Promise<CDPSession> {
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", { offline: false, latency, downloadThroughput: throughput, uploadThroughput: throughput });
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: slower });
  return devtools;
}

test.runIf(wanted)("rows 4 and 4b: what is painted when, with an empty cache", async () => {
  for (const [link, latency, throughput, slower, aim, aimContent] of LINKS) {
    const [paints, contents]: [number[], number[]] = [[], []];
    for (let time = 0; time < 5; time += 1) {
      const person = await Person.at(browser, server.url, "en", "light");
      await logIn(person);
      await slowed(person.context, person.page, latency, throughput, slower);
      await person.page.goto("/", { waitUntil: "commit" });
      await person.page.waitForSelector("main h1");
      contents.push(await person.page.evaluate(() => new Promise<number>((told) => requestAnimationFrame(() => requestAnimationFrame(() => told(performance.now()))))));
      paints.push(await person.page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN));
      await person.close();
    }
    figure(`4: first contentful paint, ${link}, median of 5`, `${Math.round(median(paints))} ms`, `≤ ${aim * 1000} ms`);
    figure(`4b: the page's heading is painted, ${link}, median of 5`, `${Math.round(median(contents))} ms`, `≤ ${aimContent * 1000} ms`);
  }
});

test.runIf(wanted)("row 5: a list of 1,000 hosts", async () => {
  const took: number[] = [];
  for (let time = 0; time < 5; time += 1) {
    const person = await Person.at(browser, server.url, "en", "light");
    await logIn(person);
    await person.page.goto("/hosts/large", { waitUntil: "commit" });
    await person.page.waitForSelector(".grid-body [role=row]");
    took.push(await person.page.evaluate(() => performance.now()));
    expect(await person.page.locator(".grid").first().getAttribute("aria-rowcount")).toBe("1001");
    await person.close();
  }
  figure("5: a list of 1,000 hosts is there, from an empty cache, LAN, median of 5", `${Math.round(median(took))} ms`, "≤ 1000 ms");
});

test.runIf(wanted)("row 8: who is asked, and what comes pressed together", async () => {
  const person = await Person.at(browser, server.url, "zh", "dark");
  await logIn(person);
  const plain: string[] = [];
  let count = 0;
  person.page.on("response", (response) => {
    const headers = response.headers();
    if (!/javascript|css|html|json|svg/.test(headers["content-type"] ?? "") || Number(headers["content-length"] ?? 2000) < 1000 || response.status() !== 200) return;
    count += 1;
    if (!headers["content-encoding"]) plain.push(new URL(response.url()).pathname);
  });
  for (const path of ["/", "/runs", "/hosts/large", "/bundles", "/clusters", "/settings", "/audit", "/about"]) await person.open(path);
  figure("8: requests to other origins, reports of the policy, errors of scripts, on 8 pages", String(person.wrong.length), "0");
  figure(`8: of ${count} answers over 1 kB, not compressed`, `${plain.length}${plain.length ? `: ${[...new Set(plain)].join(" ")}` : ""}`, "0");
  await person.close();
});

test.runIf(wanted)("rows 9 to 11: the grid, 200 rows another one each second, while it is scrolled", { timeout: 300_000 }, async () => {
  const out = mkdtempSync(join(tmpdir(), "armilla-grid-"));
  // The tests' own environment would give the development build of React.
  process.env.NODE_ENV = "production";
  await build({ root: "e2e/grid", configFile: "vite.config.ts", logLevel: "silent", build: { outDir: out, emptyOutDir: true } });
  const shown = await preview({ root: "e2e/grid", configFile: false, logLevel: "silent", build: { outDir: out }, preview: { port: 0, host: "127.0.0.1" } });
  const url = shown.resolvedUrls?.local[0] ?? "";
  for (const [row, rows, slower, aim] of [[9, 10_000, 1, "≥ 55 fps, ≤ 30 ms, ≤ 40 MB"], [10, 100_000, 1, "≥ 50 fps, ≤ 80 MB"], [11, 10_000, 4, "≥ 25 fps"]] as const) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
    const page = await context.newPage();
    await page.goto(`${url}?rows=${rows}`);
    await page.waitForSelector(".grid-body [role=row]");
    const devtools = await slowed(context, page, 0, -1, slower);
    await devtools.send("Performance.enable");
    const busy = async () => new Map((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
    const before = await busy();
    const { frames, updates } = await scrolled(page, ".grid", 5000);
    const after = await busy();
    const spent = (name: string) => Math.round((((after.get(name) ?? 0) - (before.get(name) ?? 0)) * 1000) / frames.length * 10) / 10;
    await devtools.send("HeapProfiler.collectGarbage");
    const heap = (await devtools.send("Runtime.getHeapUsage")).usedSize / 1e6;
    const total = frames.reduce((sum, each) => sum + each, 0);
    figure(`${row}: the grid with ${rows.toLocaleString("en-GB")} rows${slower > 1 ? `, processor ÷ ${slower}` : ""}, ${Math.round((updates * 1000) / total)} updates a second, scrolled`,
      `${Math.round((frames.length * 1000) / total)} fps, p95 frame ${Math.round(share(frames, 0.95))} ms, heap ${Math.round(heap)} MB; each frame ${spent("ScriptDuration")} ms script, ${spent("LayoutDuration") + spent("RecalcStyleDuration")} ms layout and style`, aim);
    await context.close();
  }
  await new Promise<void>((done) => shown.httpServer.close(() => done()));
  rmSync(out, { recursive: true });
});

/** A reader's scrolling, and how long each frame took. */
const scrolled = (page: Page, selector: string, length: number): Promise<{ frames: number[]; updates: number }> =>
  page.evaluate(async ([selector, length]) => {
    const box = document.querySelector(selector);
    if (!box) throw new Error("there is no grid");
    const frame = () => new Promise<number>((next) => requestAnimationFrame(next));
    const updates = () => Number(document.body.dataset.updates ?? 0);
    let before = await frame();
    const [began, first] = [before, updates()];
    const frames: number[] = [];
    while (before - began < length) {
      box.scrollTop = (box.scrollTop + 60) % (box.scrollHeight - box.clientHeight);
      const now = await frame();
      frames.push(now - before);
      before = now;
    }
    return { frames, updates: updates() - first };
  }, [selector, length] as const);

test.runIf(wanted)("row 13: one stream, however many tabs", async () => {
  const recorded = new Recorded(state);
  const person = await Person.at(browser, await recorded.listen(), "en", "light");
  await person.open("/runs");
  for (let tab = 0; tab < 5; tab += 1) {
    const page = await person.context.newPage();
    await page.goto("/runs/r-4");
    await page.waitForSelector(".runlog-line");
  }
  await person.page.waitForTimeout(1000);
  figure("13: event streams that 6 tabs of one browser hold open", String(recorded.streams), "1");
  expect(recorded.streams).toBe(1);
  await person.close();
  recorded.close();
});

test.runIf(wanted)("row 27: the same sources give the same files", { timeout: 300_000 }, () => {
  const made = [0, 1].map(() => {
    const out = mkdtempSync(join(tmpdir(), "armilla-dist-"));
    const began = performance.now();
    execFileSync("npx", ["--no-install", "vite", "build", "--logLevel", "error", "--outDir", out, "--emptyOutDir"], { stdio: "ignore", env: { ...process.env, NODE_ENV: "production" } });
    const took = performance.now() - began;
    const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
    const hash = createHash("sha256");
    for (const file of files) hash.update(file.slice(out.length)).update(readFileSync(file));
    rmSync(out, { recursive: true });
    return { took, hash: hash.digest("hex"), files: files.length };
  });
  const [one, two] = made;
  figure("27: the build, twice", `${made.map(({ took }) => `${(took / 1000).toFixed(1)} s`).join(", ")}; ${one?.files} files, sha256 ${one?.hash.slice(0, 16)} and ${two?.hash.slice(0, 16)}`, "≤ 60 s, the same");
  expect(one?.hash).toBe(two?.hash);
});
