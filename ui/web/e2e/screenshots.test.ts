/** Every page in both languages and themes, as it opens and with what opens on it, as pictures into `screenshots/`: `make screenshots`. */
import { mkdirSync, mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { launch, Person, type Language, type Theme } from "./browser";
import { fileName, PAGES, SIGHTS } from "./pages";
import { Recorded } from "./recorded";
import { Server } from "./server";
import { words } from "./words";

const folder = process.env.SCREENSHOTS;
const looks = (["en", "zh"] as Language[]).flatMap((language) => (["light", "dark"] as Theme[]).map((theme) => ({ language, theme })));

/** What the README shows: of which sight, in which language and theme. */
const README: [string, Language, Theme][] = [
  ["run-live", "en", "light"],
  ["run-failed-step", "zh", "light"],
  ["cluster", "en", "dark"],
  ["bundle", "zh", "dark"],
  ["hosts-shut", "en", "light"],
];

test.runIf(folder)("screenshots", { timeout: 2_400_000 }, async () => {
  mkdirSync(`${folder}`, { recursive: true });
  const browser = await launch();
  const state = mkdtempSync(join(tmpdir(), "armilla-e2e-"));
  const server = await Server.start(state);
  const recorded = new Recorded(state);
  const url = await recorded.listen();
  const shoot = async (person: Person, name: string) => person.page.screenshot({ path: `${folder}/${name}.png` });
  try {
    for (const { language, theme } of looks) {
      const person = await Person.at(browser, server.url, language, theme);
      await person.open("/welcome");
      await shoot(person, `welcome-${language}-${theme}`);
      await person.close();
    }
    const first = await Person.at(browser, server.url, "en", "light");
    const made = await first.context.request.post("/api/v1/setup", { data: { code: server.code, user: "anna", password: "correct horse battery" } });
    expect(made.status()).toBe(204);
    await seed(first);
    await first.close();
    for (const { language, theme } of looks) {
      const person = await Person.at(browser, server.url, language, theme);
      await person.open("/login");
      await shoot(person, `login-${language}-${theme}`);
      await person.close();
      await everything(await Person.at(browser, url, language, theme), language, (name) => `${name}-${language}-${theme}`, shoot);
      const small = await Person.at(browser, url, language, theme, { viewport: { width: 390, height: 844 } });
      await everything(small, language, (name) => `phone/${name}-${language}-${theme}`, shoot);
      // Every page on a wide screen, in half of the looks: what is wide is so in all of them.
      if ((language === "zh") !== (theme === "light")) continue;
      const wide = await Person.at(browser, url, language, theme, { viewport: { width: 1920, height: 1080 } });
      await everything(wide, language, (name) => `wide/${name}-${language}-${theme}`, shoot);
    }
    for (const [name, language, theme] of README) {
      const person = await Person.at(browser, url, language, theme);
      const sight = SIGHTS.find((each) => each.name === name);
      if (sight) await person.look(sight, words(language));
      await person.page.waitForTimeout(1500);
      const path = `../../docs/screenshots/${name}-${language}.png`;
      await person.page.screenshot({ path });
      expect(statSync(path).size, `${path}: README's pictures are small`).toBeLessThan(130 * 1024);
      await person.close();
    }
  } finally {
    await browser.close();
    recorded.close();
    await server.remove();
  }
});

async function everything(person: Person, language: Language, file: (name: string) => string, shoot: (person: Person, name: string) => Promise<unknown>): Promise<void> {
  const only = process.env.ARMILLA_SIGHT;
  const sights = new Set(SIGHTS.map(({ path }) => path));
  for (const path of PAGES) {
    if (only || sights.has(path)) continue;
    await person.open(path);
    await shoot(person, file(fileName(path)));
  }
  for (const sight of SIGHTS.filter(({ name }) => !only || name.startsWith(only))) {
    await person.look(sight, words(language));
    await shoot(person, file(sight.name));
  }
  await person.close();
}

/** People and their tokens. */
async function seed(person: Person): Promise<void> {
  const post = async (path: string, data: object) => {
    const answer = await person.context.request.post(`/api/v1${path}`, { data });
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true);
  };
  await post("/sessions", { user: "anna", password: "correct horse battery" });
  await post("/users", { name: "ben", role: "operator", password: "battery staple" });
  await post("/users", { name: "chen-wei", role: "viewer", password: "battery staple" });
  await post("/tokens", { name: "nightly backup", role: "admin", expiresInDays: 90 });
  await post("/tokens", { name: "monitoring", role: "viewer", expiresInDays: null });
}
