/** The page of a run before a run of any size, over a line that breaks: what it loses, how late it is, how it scrolls. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { Server } from "./server";
import { PLAN, RUN, StandIn, steps } from "./stand-in";

let browser: Browser;
let server: Server;
const state = mkdtempSync(join(tmpdir(), "armilla-e2e-"));

beforeAll(async () => {
  browser = await launch();
  server = await Server.start(state);
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

/** A stand-in, and a person who looks at its run. */
async function looking(hosts: number, each: number, before: (standIn: StandIn) => void): Promise<{ standIn: StandIn; person: Person }> {
  const standIn = new StandIn(state, steps(hosts, each));
  standIn.happen({ type: "runStarted", plan: PLAN });
  before(standIn);
  const person = await Person.at(browser, await standIn.listen(), "en", "light");
  await person.page.goto(`/runs/${RUN}`);
  await person.page.waitForSelector(".runlog-line");
  return { standIn, person };
}

const started = (standIn: StandIn, at: number) => ({ type: "stepStarted", step: standIn.steps[at % standIn.steps.length]?.id ?? "", attempt: 1 });

/** Names of all lines, by going through the list from its beginning to its end. */
const names = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const box = document.querySelector(".runlog-box");
    if (!box) return [];
    const seen: string[] = [];
    let last: string | undefined;
    for (let top = 0; ; top += box.clientHeight / 2) {
      box.scrollTop = top;
      await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      const here = [...box.querySelectorAll<HTMLElement>(".runlog-line")].sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top).map((line) => line.dataset.line ?? "");
      // What is drawn overlaps with what was drawn before: it goes on after the last one.
      const fresh = last === undefined ? here : here.slice(here.lastIndexOf(last) + 1);
      seen.push(...fresh);
      last = seen.at(-1);
      if (top + box.clientHeight >= box.scrollHeight) return seen;
    }
  });

const sorted = (values: number[]) => [...values].sort((one, other) => one - other);
const at = (values: number[], share: number) => Math.round(sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN);

test("after twenty forced drops no line is lost and none is there twice", async () => {
  const { standIn, person } = await looking(20, 50, (run) => {
    for (let n = 0; n < 300; n += 1) run.happen(started(run, n));
  });
  const opened = standIn.streams;
  for (let drop = 0; drop < 20; drop += 1) {
    for (let n = 0; n < 15; n += 1) standIn.happen(started(standIn, standIn.ledger.length));
    standIn.cut();
    // What happens while there is no line.
    for (let n = 0; n < 15; n += 1) standIn.happen(started(standIn, standIn.ledger.length));
    await expect.poll(() => standIn.streams, { timeout: 30_000 }).toBeGreaterThan(opened + drop);
  }
  standIn.happen(started(standIn, standIn.ledger.length));
  await person.page.locator(`[data-line="${standIn.ledger.at(-1)?.index}"]`).waitFor();
  expect(await names(person.page)).toEqual(standIn.ledger.map(({ index }) => String(index)));
  console.log(`runs: ${standIn.ledger.length} events over ${standIn.streams} streams, each line there once`);
  expect(person.wrong).toEqual([]);
  await person.close();
  standIn.close();
});

test("the log follows its end while one looks at it, and says how many lines are new when one does not", async () => {
  const { standIn, person } = await looking(20, 50, (run) => {
    for (let n = 0; n < 300; n += 1) run.happen(started(run, n));
  });
  const { page } = person;
  const happen = () => page.locator(`[data-line="${standIn.happen(started(standIn, standIn.ledger.length)).index}"]`);
  await happen().waitFor();
  await page.locator(".runlog-box").evaluate((box) => (box.scrollTop = 200));
  await page.getByRole("button", { name: "To the end" }).waitFor();
  const line = happen();
  await page.getByRole("button", { name: "1 new line" }).waitFor();
  expect(await line.count()).toBe(0);
  await page.getByRole("button", { name: "1 new line" }).click();
  await line.waitFor();

  const index = standIn.ledger[7]?.index;
  await page.goto(`/runs/${RUN}?line=${index}`);
  await page.locator(`.runlog-line.marked[data-line="${index}"]`).waitFor();
  await person.close();
  standIn.close();
});

test("what happens is on the screen soon, and the first line soon after a run is opened", async () => {
  const { standIn, person } = await looking(20, 50, (run) => {
    for (let n = 0; n < 500; n += 1) run.happen(started(run, n));
  });
  const { page } = person;
  const late: number[] = [];
  for (let n = 0; n < 100; n += 1) {
    const { index, at: happened } = standIn.happen(started(standIn, standIn.ledger.length));
    const drawn = await page.evaluate(async (name) => {
      while (!document.querySelector(`[data-line="${name}"]`)) await new Promise((next) => requestAnimationFrame(next));
      return Date.now();
    }, String(index));
    late.push(drawn - happened);
    await page.waitForTimeout(20);
  }
  const first: number[] = [];
  for (let n = 0; n < 9; n += 1) {
    await page.goto("/runs");
    await page.getByRole("link", { name: RUN, exact: true }).first().waitFor();
    first.push(
      await page.evaluate(async (name) => {
        const link = [...document.querySelectorAll("main a")].find((each) => each.textContent === name) as HTMLElement;
        const began = performance.now();
        link.click();
        while (!document.querySelector(".runlog-line")) await new Promise((next) => requestAnimationFrame(next));
        return performance.now() - began;
      }, RUN),
    );
  }
  console.log(`runs: event to pixel p50 ${at(late, 0.5)} ms, p95 ${at(late, 0.95)} ms; first line p50 ${at(first, 0.5)} ms, worst ${at(first, 1)} ms`);
  expect(late).toHaveLength(100);
  await person.close();
  standIn.close();
});

test("a million lines are there, and scroll", async () => {
  const [outputs, lines] = [250, 4000];
  const { standIn, person } = await looking(1, outputs, (run) => {
    for (const [n, { id }] of run.steps.entries()) {
      const text = Array.from({ length: lines }, (_, line) => `step ${n} line ${line}: unpacking layer ${(line * 7919) % 65_536} of an image`).join("\n");
      run.outputs.set(id, text);
      run.happen({ type: "stepStarted", step: id, attempt: 1 });
      run.happen({ type: "stepDone", step: id, attempt: 1, output: { length: text.length } });
    }
  });
  const { page } = person;
  const total = outputs * lines + standIn.ledger.length;
  await page.getByText(`${total.toLocaleString("en-GB")} lines`, { exact: true }).waitFor({ timeout: 100_000 });
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const busy = async () => new Map((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value * 1000]));
  const before = await busy();
  const { frames, worst, took } = await page.evaluate(async () => {
    const box = document.querySelector(".runlog-box");
    if (!box) throw new Error("no log");
    let [frames, worst, before] = [0, 0, performance.now()];
    const began = before;
    const drawn = () => new Promise<number>((next) => requestAnimationFrame(next));
    // A fast reader at first, then leaps over the whole of it.
    for (; before - began < 6000; frames += 1) {
      box.scrollTop = before - began < 3000 ? box.scrollTop + 90 : (box.scrollTop + box.scrollHeight / 97) % box.scrollHeight;
      const now = await drawn();
      worst = Math.max(worst, now - before);
      before = now;
    }
    return { frames, worst, took: before - began };
  });
  const after = await busy();
  const each = (name: string) => (((after.get(name) ?? 0) - (before.get(name) ?? 0)) / frames).toFixed(1);
  await devtools.send("HeapProfiler.collectGarbage");
  const heap = (await devtools.send("Runtime.getHeapUsage")).usedSize / 1e6;
  await page.locator(".runlog-box").evaluate((box) => (box.scrollTop = box.scrollHeight));
  const lastLine = page.locator(`[data-line="${standIn.ledger.at(-1)?.index}.${lines}"]`);
  await lastLine.waitFor();
  console.log(`runs: ${total} lines, ${Math.round(heap)} MB of heap, ${Math.round((frames * 1000) / took)} frames a second, worst frame ${Math.round(worst)} ms; a frame has ${each("ScriptDuration")} ms of script, ${each("RecalcStyleDuration")} of style, ${each("LayoutDuration")} of layout, ${each("TaskDuration")} in all`);
  expect(await page.locator(".runlog-line").count()).toBeLessThan(200);
  expect(heap).toBeLessThan(150);
  await person.close();
  standIn.close();
});
