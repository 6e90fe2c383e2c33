/** Hosts that nobody reaches: what is missing is asked for, what is in the way is said of each. Real hosts: tests/vm. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { Server } from "./server";

let browser: Browser;
let server: Server;
const user = { name: "anna", password: "correct horse battery" };
/** Nobody listens on the discard port of this machine. */
const SITE = `apiVersion: armilla/v1
kind: Site
metadata: {name: plant-7}
ssh: {user: root, port: 9, password: {prompt: true}}
hosts:
  - {name: h1, address: 127.0.0.1, clusterAddress: 10.0.0.1, roles: [control-plane]}
  - {name: h2, address: 127.0.0.2, clusterAddress: 10.0.0.2, roles: [worker]}
`;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

test("a secret is asked for and given, and who does not answer is named", async () => {
  const person = await Person.at(browser, server.url, "en", "light");
  const { page } = person;
  const post = async (path: string, data: object) => expect((await person.context.request.post(`/api/v1${path}`, { data })).ok(), path).toBe(true);
  await post("/setup", { code: server.code, user: user.name, password: user.password });
  await post("/sessions", { user: user.name, password: user.password });
  await post("/sites", { text: SITE });

  await person.open("/hosts");
  await page.getByRole("heading", { name: "Hosts of plant-7" }).waitFor();
  expect(await page.getByRole("row", { name: /h[12] / }).count()).toBe(2);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByText("2 secrets were not given yet").waitFor();
  expect(await person.violations()).toEqual([]);
  for (const missing of [2, 1]) {
    await page.getByRole("button", { name: /^Give: / }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Password").fill("secret");
    await dialog.getByRole("button", { name: "Give", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await expect.poll(() => page.getByRole("row", { name: /Missing/ }).count()).toBe(missing - 1);
  }
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByText(/2 hosts (keep us out|do not answer)/).waitFor();
  await page.getByText("127.0.0.2:9").first().waitFor();
  expect(await person.violations()).toEqual([]);

  await page.getByRole("button", { name: "h1", exact: true }).click();
  await page.getByRole("complementary", { name: "h1" }).getByText("This host was not read yet").waitFor();
  expect(await person.violations()).toEqual([]);
  expect(new URL(page.url()).search).toBe("?host=h1");
  expect(person.wrong).toEqual([]);
  await person.close();
});
