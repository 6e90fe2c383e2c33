import type { Page } from "playwright-core";
import { expect } from "vitest";

/** What a terminal shows, without its colours. */
const shown = (page: Page): Promise<string> => page.locator(".dock-body:not([hidden]) .xterm-rows").innerText();

async function says(page: Page, typed: string, answer: string): Promise<void> {
  await page.keyboard.type(`${typed}\n`);
  await expect.poll(() => shown(page), { timeout: 30_000 }).toContain(answer);
}

/**
 * A person who is logged in, at a cluster that stands, in English: its pages, a terminal to a host that goes on from page to
 * page, and one into a pod. `pod`: the beginning of the name of one that has a shell, `namespace/name`.
 */
export async function lookAround(page: Page, site: string, host: string, pod: string): Promise<void> {
  await page.goto(`/clusters/${site}`);
  await page.getByText(/\d+ of \d+ ready/).first().waitFor();
  await page.getByRole("heading", { name: "Certificates" }).waitFor();
  await page.getByText(/The next one ends in \d+ days/).waitFor();

  await page.getByRole("link", { name: "Nodes", exact: true }).click();
  await page.getByRole("table", { name: "Nodes" }).getByRole("link", { name: host, exact: true }).click();
  await page.getByRole("heading", { name: host, level: 1 }).waitFor();
  await page.getByRole("button", { name: `Terminal on ${host}` }).click();
  await page.getByText("Connected").waitFor();
  // The answer is not in what is typed, so that its echo is not taken for it.
  await says(page, "echo $((6 * 7))-$(hostname)", `42-${host}`);

  await page.getByRole("link", { name: "Pods", exact: true }).click();
  const [namespace = "", name = ""] = pod.split("/");
  await page.getByRole("searchbox").fill(`${namespace} ${name}`);
  await page.getByRole("table", { name: "Pods" }).getByRole("link", { name: new RegExp(`^${name}`) }).first().click();
  await page.getByRole("log").waitFor();
  expect(await shown(page), "the host's terminal is still there").toContain(`42-${host}`);
  await page.getByRole("button", { name: /^Terminal in/ }).first().click();
  await page.locator(".dock-body:not([hidden])").getByText("Connected").waitFor();
  await says(page, "echo $((7 * 11))-in-the-pod; exit 3", "77-in-the-pod");
  await page.getByText("The shell ended with exit code 3.").waitFor();
  await page.getByRole("button", { name: "Open again" }).click();
  await page.locator(".dock-body:not([hidden])").getByText("Connected").waitFor();
  await page.keyboard.press("Control+F6");
  expect(await page.evaluate(() => document.activeElement?.getAttribute("role")), "the keyboard leads out of a terminal").toBe("tab");
}
