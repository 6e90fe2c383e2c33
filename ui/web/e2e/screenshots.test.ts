/** Every page in both languages and themes as a picture, into `screenshots/`: `make screenshots`. */
import { mkdirSync } from "node:fs";
import { expect, test } from "vitest";
import { launch, Person, type Language, type Theme } from "./browser";
import { fileName, PAGES } from "./pages";
import { Server } from "./server";

const folder = process.env.SCREENSHOTS;
const user = { name: "anna", password: "correct horse battery" };

test.runIf(folder)("screenshots", async () => {
  mkdirSync(`${folder}`, { recursive: true });
  const browser = await launch();
  const server = await Server.start();
  const shoot = async (person: Person, name: string) => person.page.screenshot({ path: `${folder}/${name}.png` });
  const looks = (["en", "zh"] as Language[]).flatMap((language) => (["light", "dark"] as Theme[]).map((theme) => ({ language, theme })));
  try {
    for (const { language, theme } of looks) {
      const person = await Person.at(browser, server.url, language, theme);
      await person.open("/welcome");
      await shoot(person, `welcome-${language}-${theme}`);
      await person.close();
    }
    const first = await Person.at(browser, server.url, "en", "light");
    const made = await first.context.request.post("/api/v1/setup", { data: { code: server.code, user: user.name, password: user.password } });
    expect(made.status()).toBe(204);
    await first.close();
    for (const { language, theme } of looks) {
      const person = await Person.at(browser, server.url, language, theme);
      await person.open("/login");
      await shoot(person, `login-${language}-${theme}`);
      await person.context.request.post("/api/v1/sessions", { data: { user: user.name, password: user.password } });
      for (const path of PAGES) {
        await person.open(path);
        await shoot(person, `${fileName(path)}-${language}-${theme}`);
      }
      await person.page.setViewportSize({ width: 390, height: 844 });
      await person.open("/");
      await shoot(person, `dashboard-phone-${language}-${theme}`);
      await person.close();
    }
  } finally {
    await browser.close();
    await server.remove();
  }
});
