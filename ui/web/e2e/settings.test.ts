/** An administrator keeps users, tokens and settings; what they did stands in the audit, and the chain holds. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { Server } from "./server";

let browser: Browser;
let server: Server;
let person: Person;
const user = { name: "anna", password: "correct horse battery" };

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
  person = await Person.at(browser, server.url, "en", "light");
  await person.context.request.post("/api/v1/setup", { data: { code: server.code, user: user.name, password: user.password } });
  const answer = await person.context.request.post("/api/v1/sessions", { data: { user: user.name, password: user.password } });
  expect(answer.status()).toBe(201);
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

test("a user is added, given another role, shut out and removed", async () => {
  const { page } = person;
  await person.open("/users");
  await page.getByRole("button", { name: "Add a user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("User").fill("ben");
  await dialog.getByLabel("Password").fill("short");
  await dialog.getByRole("button", { name: "Add a user" }).click();
  await dialog.getByRole("alert").first().waitFor();
  expect(await person.violations()).toEqual([]);
  await dialog.getByLabel("Password").fill("battery staple");
  await dialog.getByRole("button", { name: "Add a user" }).click();
  await page.getByRole("row", { name: /ben Operator/ }).waitFor();

  await page.getByRole("button", { name: "ben", exact: true }).click();
  const drawer = page.getByRole("complementary", { name: "ben" });
  await drawer.getByLabel("Role").last().selectOption("viewer");
  await drawer.getByRole("button", { name: "Change the role" }).click();
  await page.getByRole("row", { name: /ben Viewer/ }).waitFor();
  await drawer.getByRole("button", { name: "Let them in no longer" }).click();
  await page.getByRole("row", { name: /ben Viewer .*Disabled/ }).waitFor();
  expect(await person.violations()).toEqual([]);
  await drawer.getByRole("button", { name: "Remove the user" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("ben");
  await page.getByRole("dialog").getByRole("button", { name: "Remove the user" }).click();
  await page.getByRole("row", { name: /ben/ }).waitFor({ state: "detached" });
  expect(person.wrong).toEqual([]);
});

test("a token is shown once, opens, and opens no more when it is revoked", async () => {
  const { page } = person;
  await person.open("/tokens");
  await page.getByRole("button", { name: "Make a token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What it is for").fill("nightly backup");
  await dialog.getByRole("button", { name: "Make a token" }).click();
  await dialog.getByText("it is shown this once").waitFor();
  const secret = (await dialog.locator(".secret .mono").textContent()) ?? "";
  expect(await person.violations()).toEqual([]);
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await page.getByRole("row", { name: /nightly backup/ }).waitFor();
  expect(await page.getByText(secret).count()).toBe(0);

  const outside = await browser.newContext({ baseURL: server.url, ignoreHTTPSErrors: true });
  const opens = () => outside.request.get("/api/v1/me", { headers: { Authorization: `Bearer ${secret}` } });
  expect((await opens()).status()).toBe(200);
  await page.getByRole("button", { name: "Revoke nightly backup" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("No token was made yet").waitFor();
  expect((await opens()).status()).toBe(401);
  await outside.close();
  expect(person.wrong).toEqual([]);
});

test("a setting is changed; the audit says so, and its chain holds", async () => {
  const { page } = person;
  await person.open("/settings");
  await page.getByLabel("Minutes without a request").fill("0");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").first().waitFor();
  expect(await person.violations()).toEqual([]);
  await page.getByLabel("Minutes without a request").fill("45");
  await page.getByText("armilla settings set idleMinutes=45").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(async () => (await person.context.request.get("/api/v1/settings")).json().then(({ idleMinutes }: { idleMinutes: number }) => idleMinutes)).toBe(45);

  await person.open("/audit");
  await page.getByRole("searchbox", { name: "Did" }).fill("settings.");
  const row = page.getByRole("row", { name: /settings.put/ });
  await row.waitFor();
  expect(await page.getByRole("row").count(), "the heading and the one entry").toBe(2);
  await row.getByRole("button").click();
  const drawer = page.getByRole("complementary");
  await drawer.getByRole("row", { name: /idleMinutes/ }).waitFor();
  expect(await person.violations()).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Verify the chain" }).click();
  await page.getByText(/The chain is whole/).waitFor();
  expect(person.wrong).toEqual([]);
});
