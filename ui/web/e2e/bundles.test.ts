/** A person brings a bundle: what is none is refused before it is sent; a cut costs nothing; a key is trusted; it is looked into and deleted. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { TestBundle } from "./bundle";
import { Server } from "./server";

let browser: Browser;
let server: Server;
let bundle: TestBundle;
const user = { name: "anna", password: "correct horse battery" };

beforeAll(async () => {
  bundle = TestBundle.make(40 << 20);
  [browser, server] = await Promise.all([launch(), Server.start()]);
  const first = await Person.at(browser, server.url, "en", "light");
  await first.context.request.post("/api/v1/setup", { data: { code: server.code, user: user.name, password: user.password } });
  await first.close();
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
  bundle?.remove();
});

test("a bundle comes here in spite of a reload and a server that is killed", async () => {
  const person = await loggedIn();
  const { page } = person;
  await person.open("/bundles");
  const choose = page.getByLabel("Choose a file");

  await choose.first().setInputFiles(bundle.movie());
  await page.getByText("holiday.bundle is no bundle").waitFor();
  expect(await person.violations()).toEqual([]);

  // Slow enough to be caught in the middle.
  const devtools = await person.context.newCDPSession(page);
  const slow = (bytesPerSecond: number) => devtools.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond });
  await slow(1 << 20);
  await choose.first().setInputFiles(bundle.path);
  const dialog = page.getByRole("dialog");
  await dialog.getByText(bundle.fingerprint).waitFor();
  expect(await person.violations()).toEqual([]);
  await dialog.getByRole("button", { name: "Trust this key and upload" }).click();
  const bar = page.getByRole("progressbar", { name: "Upload of shop.bundle" });
  await reached(person, 5);
  await page.getByText(/left/).waitFor();
  expect(await person.violations()).toEqual([]);

  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused").waitFor();
  const held = await percent(person);
  await page.getByRole("button", { name: "Go on" }).click();
  // One chunk of 8 MiB is there for good, and the next one is under way.
  await reached(person, Math.max(held + 5, 25));

  const { port } = server;
  const state = await server.stop("SIGKILL");
  await page.getByText("Waits for the server").waitFor();
  server = await Server.start(state, port);
  await page.getByText("Is sent").waitFor();

  await person.open("/bundles");
  await page.getByText("Waits for its file").waitFor();
  // What was sent before stays.
  await reached(person, 1);
  await slow(-1);
  await choose.first().setInputFiles(bundle.path);
  await page.getByRole("row", { name: /shop/ }).waitFor();
  await bar.waitFor({ state: "detached" });
  expect(person.wrong).toEqual([]);
  await person.close();
});

test("it is looked into, and deleted when nobody needs it", async () => {
  const person = await loggedIn();
  const { page } = person;
  await person.open("/bundles");
  await page.getByLabel("Choose a file").setInputFiles(bundle.path);
  await page.getByText("is here already").waitFor();
  await page.getByRole("link", { name: "Open the bundle" }).click();
  await page.getByText("The seal holds, every byte").waitFor();
  await page.getByRole("img", { name: /Sizes of 1 component/ }).waitFor();
  await page.getByRole("row", { name: /docker.io\/library\/shop:1/ }).waitFor();
  expect(await person.violations()).toEqual([]);
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  const sure = dialog.getByRole("button", { name: "Delete" });
  expect(await sure.isDisabled()).toBe(true);
  await dialog.getByRole("textbox").fill(await versionOf(person));
  await sure.click();
  await page.getByText("No bundle is here yet").waitFor();
  expect(person.wrong).toEqual([]);
  await person.close();
});

test("a bundle with a byte that is another is sent, and not taken in", async () => {
  const person = await loggedIn();
  const { page } = person;
  await person.open("/bundles");
  await page.getByLabel("Choose a file").setInputFiles(bundle.broken());
  await page.getByText("The upload stopped").waitFor();
  expect(await person.violations()).toEqual([]);
  await page.getByRole("button", { name: "Give up cut.bundle" }).click();
  await page.getByText("cut.bundle").waitFor({ state: "detached" });
  await page.getByText("No bundle is here yet").waitFor();
  await person.close();
});

const bar = (person: Person) => person.page.getByRole("progressbar", { name: "Upload of shop.bundle" });
const percent = async (person: Person) => Number(await bar(person).getAttribute("aria-valuenow"));

/** Waits until so much of the bundle is on the server. */
async function reached(person: Person, wanted: number): Promise<void> {
  await expect.poll(() => percent(person), { timeout: 60_000 }).toBeGreaterThanOrEqual(wanted);
}

async function versionOf(person: Person): Promise<string> {
  const heading = await person.page.getByRole("heading", { level: 1 }).textContent();
  return heading?.split(" ").at(-1) ?? "";
}

async function loggedIn(): Promise<Person> {
  const person = await Person.at(browser, server.url, "en", "light");
  const answer = await person.context.request.post("/api/v1/sessions", { data: { user: user.name, password: user.password } });
  expect(answer.status()).toBe(201);
  return person;
}
