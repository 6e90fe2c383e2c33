/** Every page with data, and what opens on it, against axe and at every size: a real server, and what was recorded of one with a cluster. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { SIGHTS, SIZES } from "./pages";
import { Recorded } from "./recorded";
import { Server } from "./server";
import { words } from "./words";

let browser: Browser;
let server: Server;
let recorded: Recorded;
let url: string;

beforeAll(async () => {
  const state = mkdtempSync(join(tmpdir(), "armilla-e2e-"));
  [browser, server] = await Promise.all([launch(), Server.start(state)]);
  recorded = new Recorded(state);
  url = await recorded.listen();
});
afterAll(async () => {
  await browser?.close();
  recorded?.close();
  await server?.remove();
});

const everywhere = process.env.ARMILLA_MATRIX ? (["en", "zh"] as const).flatMap((language) => (["light", "dark"] as const).map((theme) => [language, theme] as const)) : [["en", "light"] as const];

test.each(everywhere)("axe has nothing against a page with data, and nothing sticks out (%s, %s)", { timeout: 600_000 }, async (language, theme) => {
  const person = await Person.at(browser, url, language, theme);
  const say = words(language);
  const wrong: string[] = [];
  const only = process.env.ARMILLA_SIGHT;
  for (const sight of SIGHTS.filter(({ name }) => !only || name.startsWith(only))) {
    await person.page.setViewportSize({ width: 1280, height: 720 });
    const there = await person.look(sight, say).then(() => true, (error: Error) => void wrong.push(`${error.message} ${String(error.cause).slice(0, 300)}`));
    if (!there) continue;
    wrong.push(...(await person.violations()).map((found) => `${sight.name}: ${found}`));
    for (const [width, height] of SIZES) {
      await person.page.setViewportSize({ width, height });
      await person.drawn();
      wrong.push(...(await person.overflow()).map((found) => `${sight.name} at ${width}: ${found}`));
    }
  }
  expect([...wrong, ...person.wrong]).toEqual([]);
  await person.close();
});
