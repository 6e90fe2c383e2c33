/** Every page in both languages and themes as a picture, into `screenshots/`: `make screenshots`. */
import { mkdirSync } from "node:fs";
import { expect, test } from "vitest";
import { launch, Person, type Language, type Theme } from "./browser";
import { TestBundle } from "./bundle";
import { fileName, PAGES } from "./pages";
import { Server } from "./server";

const folder = process.env.SCREENSHOTS;
const user = { name: "anna", password: "correct horse battery" };

test.runIf(folder)("screenshots", async () => {
  mkdirSync(`${folder}`, { recursive: true });
  const browser = await launch();
  const server = await Server.start();
  const bundle = TestBundle.make(8 << 20);
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
    const seeded = await seed(first, bundle);
    await first.close();
    for (const { language, theme } of looks) {
      const person = await Person.at(browser, server.url, language, theme);
      await person.open("/login");
      await shoot(person, `login-${language}-${theme}`);
      await person.context.request.post("/api/v1/sessions", { data: { user: user.name, password: user.password } });
      for (const path of [...PAGES, ...seeded]) {
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
    bundle.remove();
  }
});

/** Something to look at: a bundle, and a site whose hosts nobody asked yet. Gives back their pages. */
async function seed(person: Person, bundle: TestBundle): Promise<string[]> {
  const post = async (path: string, data: object) => {
    const answer = await person.context.request.post(`/api/v1${path}`, { data });
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true);
    return answer.json() as Promise<{ id: string }>;
  };
  await post("/sessions", { user: user.name, password: user.password });
  await post("/bundle-keys", { pem: bundle.pem });
  const { id } = await post("/bundles", { path: bundle.path });
  const hosts = ["h1", "h2", "h3"].map((name, at) => `  - {name: ${name}, address: 10.0.0.1${at + 1}, roles: [${at === 0 ? "control-plane" : "worker"}]}`);
  await post("/sites", { text: ["apiVersion: armilla/v1", "kind: Site", "metadata: {name: plant-7}", "ssh: {user: root, keyFile: /root/.ssh/id_ed25519}", "hosts:", ...hosts].join("\n") });
  return [`/bundles/${id}`, "/hosts/plant-7"];
}
