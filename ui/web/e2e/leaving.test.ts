/**
 * The install in Chinese by keyboard alone, with everything in the way: the person leaves half-way and comes back in another
 * browser, the server is killed under the draft and under the run. Real sshd, real Kubernetes.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { Keyboard } from "./hands";
import { Way } from "./install";
import { Lab } from "./lab";
import { Server } from "./server";
import { words } from "./words";

const wanted = Boolean(process.env.ARMILLA_MATRIX);
const user = { name: "anna", password: "correct horse battery" };
const say = words("zh");
let browser: Browser;
let server: Server;
let lab: Lab;

beforeAll(async () => {
  if (!wanted) return;
  lab = Lab.up("keyboard", 3);
  browser = await launch();
  server = await Server.start(undefined, undefined, lab);
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await server?.remove();
  lab?.down();
});

test.runIf(wanted)("in Chinese by keyboard alone, over a browser that is closed and a server that is killed twice", async () => {
  const first = await Person.at(browser, server.url, "zh", "light");
  const look = (person: Person) => (what: string) => person.wellMade(`${what}-zh`);
  const keys = new Keyboard(first.page);
  const way = new Way(first, keys, say, look(first));
  await way.begin(server.code ?? "", server.fingerprint, user);
  await way.toHosts();
  await way.connect(lab);
  await way.next("options");
  await keys.type(say("install.podCidr"), "10.64.0.0/16");
  await keys.type(say("install.clusterDomain"), "plant.local");
  await keys.type(say("install.apiNames"), "api.plant.example");
  await keys.tick(say("install.localPath"));
  await first.page.getByText(say("install.draft.kept")).waitFor();
  const before = await fields(first.page);
  expect(before.filter(({ value }) => value !== "").length, "something was typed").toBeGreaterThan(8);

  // The browser is gone, and so is the server, without a word.
  await first.close();
  const state = await server.stop("SIGKILL");
  server = await Server.start(state, undefined, lab);
  const second = await Person.at(browser, server.url, "zh", "light");
  const { page } = second;
  const again = new Keyboard(page);
  await page.goto("/install");
  await again.type(say("app.user"), user.name);
  await again.type(say("app.password"), user.password);
  await again.press("button", say("app.logIn"));
  await again.press("link", "site-1");
  await page.getByRole("heading", { name: say("install.step.options"), level: 2, exact: true }).waitFor();
  const after = await fields(page);
  expect(after).toEqual(before);
  console.log(`leaving: ${after.length} of ${before.length} fields are there again`);

  const on = new Way(second, again, say, look(second));
  await page.getByRole("heading", { name: say("install.step.options"), level: 2, exact: true }).waitFor();
  await on.install(3);
  await expect.poll(() => page.locator(".bar-done").count(), { timeout: 300_000 }).toBeGreaterThan(6);
  await look(second)("run");
  const url = page.url();
  await server.stop("SIGKILL");
  await page.getByText(say("app.lost", { seconds: 0 }).slice(0, 6)).waitFor();
  await look(second)("run-lost");
  server = await Server.start(state, undefined, lab);
  const back = Date.now();
  await page.getByText(say("app.lost", { seconds: 0 }).slice(0, 6)).waitFor({ state: "detached", timeout: 60_000 });
  console.log(`leaving: the page found the server again ${Date.now() - back} ms after it served`);
  await on.healthy();
  expect(page.url(), "nobody went anywhere").toBe(url);
  await look(second)("run-healthy");
  expect(lab.on("h1", "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers | grep -cw Ready").trim()).toBe("3");
  expect(second.wrong).toEqual([]);
  await second.close();
}, 1_800_000);

/** Every field of the steps that a draft holds, with what stands in it. Ends where it began. */
async function fields(page: Page): Promise<{ step: string; label: string; value: string }[]> {
  const found: { step: string; label: string; value: string }[] = [];
  const now = page.url();
  for (const step of ["bundle", "hosts", "roles", "options"]) {
    await page.goto(`/install/site-1?step=${step}`);
    await page.getByRole("heading", { name: say(`install.step.${step}`), level: 2, exact: true }).waitFor();
    await page.waitForFunction(() => !document.querySelector(".skeleton"));
    const here = await page.locator("main").evaluate((main) =>
      [...main.querySelectorAll<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>("input:not([type=password]):not([type=file]), textarea, select")].map((field) => ({
        // Without how long ago something was.
        label: (field.getAttribute("aria-label") ?? field.labels?.[0]?.textContent ?? "").split(" · ")[0] ?? "",
        value: field instanceof HTMLInputElement && ["radio", "checkbox"].includes(field.type) ? (field.checked ? "✓" : "") : field.value,
      })));
    found.push(...here.map((field) => ({ step, ...field })));
  }
  await page.goto(now);
  await page.getByRole("heading", { name: say("install.step.options"), level: 2, exact: true }).waitFor();
  return found;
}
