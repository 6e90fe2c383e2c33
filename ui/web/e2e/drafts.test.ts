/** What goes wrong while hosts are named: rubbish, too much of it, two people at one draft, a session that ends. Nothing is lost. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { Server } from "./server";

let browser: Browser;
let server: Server;
const user = { name: "anna", password: "correct horse battery" };
const other = { name: "ben", password: "battery staple horse" };

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
  const first = await Person.at(browser, server.url, "en", "light");
  const post = async (path: string, data: object) => expect((await first.context.request.post(`/api/v1${path}`, { data })).ok(), path).toBe(true);
  await post("/setup", { code: server.code, user: user.name, password: user.password });
  await post("/sessions", { user: user.name, password: user.password });
  await post("/users", { name: other.name, role: "operator", password: other.password });
  await first.close();
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

async function loggedIn(who = user): Promise<Person> {
  const person = await Person.at(browser, server.url, "en", "light");
  const answer = await person.context.request.post("/api/v1/sessions", { data: { user: who.name, password: who.password } });
  expect(answer.status()).toBe(201);
  return person;
}

/** A draft of a name of its own, at the step in which hosts are named. */
async function naming(name: string): Promise<Person> {
  const person = await loggedIn();
  await person.open("/install");
  await person.page.getByLabel("Name of the site").fill(name);
  await person.page.getByRole("button", { name: "Begin" }).click();
  await person.page.goto(`/install/${name}?step=hosts`);
  await addresses(person).waitFor();
  return person;
}

const addresses = (person: Person) => person.page.getByLabel("Addresses of the hosts");
const kept = (person: Person) => person.page.getByText("Draft kept on the server").waitFor();
const connect = (person: Person) => person.page.getByRole("button", { name: /^Connect/ });

test("rubbish is named line by line, and nobody is connected to", async () => {
  const person = await naming("rubbish");
  const { page } = person;
  await addresses(person).fill(`<script>alert(1)</script>\n10.0.0.999\n10.0.0.9-3\n10.0.0.1:99999\n${"a".repeat(200)}\nΩ\u0000\n10.0.0.7`);
  const wrong = page.getByRole("list", { name: "Lines that are no hosts" });
  for (const line of [1, 2, 3, 4, 5, 6]) await wrong.getByText(`line ${line}:`).first().waitFor();
  await page.getByText("1 host (read as addresses)").waitFor();
  expect(await person.violations()).toEqual([]);
  expect(await person.overflow()).toEqual([]);
  await addresses(person).fill("a".repeat(200));
  await page.getByText("No host yet").waitFor();
  expect(await connect(person).isDisabled()).toBe(true);
  expect(person.wrong).toEqual([]);
  await person.close();
});

test("a host name of 200 characters is named where it stands", async () => {
  const person = await naming("long");
  const { page } = person;
  const long = "a".repeat(200);
  await addresses(person).fill(`name,address\n${long},10.0.0.1\nb,10.0.0.2`);
  await page.getByLabel("Password", { exact: true }).fill("secret");
  await page.getByText(/line 2:/).waitFor();
  expect(await person.overflow()).toEqual([]);
  await person.close();
});

test("5,000 addresses are read at once, kept, and named again after a reload", async () => {
  const person = await naming("many");
  const { page } = person;
  const all = Array.from({ length: 5000 }, (_, at) => `10.1.${Math.floor(at / 250)}.${(at % 250) + 1}`);
  // As it is pasted: what playwright types is inserted line by line.
  await person.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.evaluate((text) => navigator.clipboard.writeText(text), all.join("\n"));
  await addresses(person).focus();
  const begun = Date.now();
  await page.keyboard.press("Control+V");
  await page.getByText("5,000 hosts (read as addresses)").waitFor();
  console.log(`drafts: 5,000 addresses read in ${Date.now() - begun} ms`);
  await kept(person);
  expect(await connect(person).textContent()).toContain("5,000");
  await page.reload();
  await page.getByText("5,000 hosts (read as addresses)").waitFor();
  expect((await addresses(person).inputValue()).split("\n")).toEqual(all);
  expect(person.wrong).toEqual([]);
  await person.close();
});

test("of two people at one draft the second is told, and neither loses a word", async () => {
  const anna = await naming("shared");
  await addresses(anna).fill("10.0.0.1");
  await kept(anna);
  const ben = await loggedIn(other);
  await ben.open("/install");
  await ben.page.getByRole("link", { name: "shared" }).click();
  await addresses(ben).waitFor();
  expect(await addresses(ben).inputValue()).toBe("10.0.0.1");

  // Both type before either hears of the other.
  await anna.context.setOffline(true);
  await addresses(anna).fill("10.0.0.1 10.0.0.2");
  await addresses(ben).fill("10.0.0.1 10.0.0.3");
  await kept(ben);
  await anna.page.getByText("Draft not kept yet").waitFor();
  await anna.context.setOffline(false);
  await anna.page.getByText("ben changed this draft meanwhile").waitFor();
  expect(await addresses(anna).inputValue(), "hers is still there").toBe("10.0.0.1 10.0.0.2");
  expect(await anna.violations()).toEqual([]);
  await anna.page.getByRole("button", { name: "Take theirs" }).click();
  await expect.poll(() => addresses(anna).inputValue()).toBe("10.0.0.1 10.0.0.3");

  await ben.context.setOffline(true);
  await addresses(ben).fill("10.0.0.4");
  await addresses(anna).fill("10.0.0.5");
  await kept(anna);
  await ben.page.getByText("Draft not kept yet").waitFor();
  await ben.context.setOffline(false);
  await ben.page.getByText("anna changed this draft meanwhile").waitFor();
  await ben.page.getByRole("button", { name: "Keep mine over it" }).click();
  await kept(ben);
  await expect.poll(() => addresses(anna).inputValue(), { timeout: 10_000 }).toBe("10.0.0.4");
  await anna.close();
  await ben.close();
});

test("a session that ends in the middle takes nothing away", async () => {
  const person = await naming("ended");
  const { page } = person;
  await addresses(person).fill("10.0.0.1");
  await kept(person);
  await page.evaluate(() => fetch("/api/v1/logout", { method: "POST" }));
  await addresses(person).fill("10.0.0.1 10.0.0.2 10.0.0.3");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Your session has ended").waitFor();
  expect(await person.violations()).toEqual([]);
  await dialog.getByLabel("Password").fill(user.password);
  await dialog.getByRole("button", { name: "Log in", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  expect(await addresses(person).inputValue()).toBe("10.0.0.1 10.0.0.2 10.0.0.3");
  await kept(person);
  await page.reload();
  await addresses(person).waitFor();
  expect(await addresses(person).inputValue(), "on the server too").toBe("10.0.0.1 10.0.0.2 10.0.0.3");
  await person.close();
});
