import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { DOORS, PAGES, SIZES } from "./pages";
import { Server } from "./server";

let browser: Browser;
let server: Server;
const user = { name: "anna", password: "correct horse battery" };

beforeAll(async () => {
  browser = await launch();
  server = await Server.start();
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

test("at the first start a person makes the administrator, and is in", async () => {
  const person = await Person.at(browser, server.url, "en", "light");
  const { page } = person;
  await person.open("/runs");
  expect(new URL(page.url()).pathname).toBe("/welcome");
  expect(await page.getByText(server.fingerprint).count()).toBe(1);
  expect(await person.violations()).toEqual([]);

  await page.getByLabel("Setup code").fill("0000-0000-0000");
  await page.getByLabel("Name of the administrator").fill(user.name);
  await page.getByLabel("Password", { exact: true }).fill(user.password);
  await page.getByLabel("Password again").fill(user.password);
  await page.getByRole("button", { name: "Make the administrator" }).click();
  await page.getByText("This is not the setup code").waitFor();
  expect(await person.violations()).toEqual([]);

  await page.getByLabel("Setup code").fill(server.code?.toLowerCase() ?? "");
  await page.getByRole("button", { name: "Make the administrator" }).click();
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  expect(new URL(page.url()).pathname, "where the person wanted to go").toBe("/runs");
  expect(person.wrong).toEqual([]);
  await person.close();
});

test("a person logs in, sees what happens elsewhere at once, and logs out", async () => {
  const person = await Person.at(browser, server.url, "en", "light");
  const { page } = person;
  await person.open("/users");
  for (const [password, found] of [["wrong", "You are not logged in"], [user.password, "Everybody who may log in here"]] as const) {
    await page.getByLabel("User").fill(user.name);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText(found).waitFor();
  }
  await person.settled();
  expect(await page.getByRole("row").count(), "the heading and one user").toBe(2);
  const second = await person.context.newPage();
  await second.goto("/");
  await second.evaluate(async () => {
    const body = JSON.stringify({ name: "ben", role: "viewer", password: "battery staple" });
    const headers = { "Content-Type": "application/json" };
    await fetch("/api/v1/users", { method: "POST", headers, body });
  });
  await page.getByRole("row", { name: /ben/ }).waitFor();
  await page.getByRole("button", { name: `Account of ${user.name}` }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await person.open("/audit");
  expect(new URL(page.url()).pathname).toBe("/login");
  expect(person.wrong).toEqual([]);
  await person.close();
});

test("a session that ends takes nothing away: the person logs in again where they were", async () => {
  const person = await loggedIn("en");
  const { page } = person;
  await person.open("/users");
  await page.evaluate(() => fetch("/api/v1/logout", { method: "POST" }));
  await page.getByRole("button", { name: "Role" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  expect(await person.violations()).toEqual([]);
  await dialog.getByLabel("Password").fill(user.password);
  await dialog.getByRole("button", { name: "Log in", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  expect(new URL(page.url()).pathname).toBe("/users");
  await page.getByRole("row", { name: /anna/ }).waitFor();
  expect(person.wrong).toEqual([]);
  await person.close();
});

test("a server that is killed and comes back is found again without a word from the person", async () => {
  const person = await loggedIn("en");
  const { page } = person;
  await person.open("/");
  const { port } = server;
  const state = await server.stop("SIGKILL");
  await page.getByText("No connection to the server").waitFor();
  server = await Server.start(state, port);
  await page.getByText("No connection to the server").waitFor({ state: "detached" });
  expect(server.code, "there is an administrator").toBeUndefined();
  await person.close();
});

const everywhere = process.env.ARMILLA_MATRIX ? (["en", "zh"] as const).flatMap((language) => (["light", "dark"] as const).map((theme) => [language, theme] as const)) : [["en", "light"] as const];

test.each(everywhere)("axe has nothing against any page, and nothing sticks out (%s, %s)", async (language, theme) => {
  const person = await loggedIn(language, theme);
  for (const path of PAGES) {
    await person.open(path);
    expect(await person.violations(), path).toEqual([]);
    for (const [width, height] of SIZES) {
      await person.page.setViewportSize({ width, height });
      expect(await person.overflow(), `${path} at ${width}`).toEqual([]);
    }
    await person.page.setViewportSize({ width: 1280, height: 720 });
  }
  expect(person.wrong).toEqual([]);
  await person.context.clearCookies();
  for (const path of DOORS) {
    await person.open(path);
    expect(await person.violations(), path).toEqual([]);
    for (const [width, height] of SIZES) {
      await person.page.setViewportSize({ width, height });
      expect(await person.overflow(), `${path} at ${width}`).toEqual([]);
    }
  }
  await person.close();
});

async function loggedIn(language: "en" | "zh", theme: "light" | "dark" = "light"): Promise<Person> {
  const person = await Person.at(browser, server.url, language, theme);
  const answer = await person.context.request.post("/api/v1/sessions", { data: { user: user.name, password: user.password } });
  expect(answer.status()).toBe(201);
  return person;
}
