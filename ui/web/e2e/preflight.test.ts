/**
 * Files of another installer become a draft; hosts on which another cluster lived are looked at, mended, and gone on with for a
 * reason. Real sshd; nothing is installed.
 */
import { writeFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { bundle } from "./install";
import { Lab } from "./lab";
import { Server } from "./server";

const wanted = Boolean(process.env.ARMILLA_MATRIX);
const user = { name: "anna", password: "correct horse battery" };
let browser: Browser;
let server: Server;
let lab: Lab;
let person: Person;

beforeAll(async () => {
  if (!wanted) return;
  lab = Lab.up("preflight", 3);
  browser = await launch();
  server = await Server.start(undefined, undefined, lab);
  person = await Person.at(browser, server.url, "en", "light");
  const post = async (path: string, data: object) => {
    const answer = await person.context.request.post(`/api/v1${path}`, { data, timeout: 120_000 });
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true);
  };
  await post("/setup", { code: server.code, user: user.name, password: user.password });
  await post("/sessions", { user: user.name, password: user.password });
  await post("/bundle-keys", { pem: bundle.pem() });
  await post("/bundles", { path: bundle.path });
}, 300_000);
afterAll(async () => {
  await person?.close();
  await browser?.close();
  await server?.remove();
  lab?.down();
});

const look = (what: string) => person.wellMade(what);

const SPOILS: Record<string, string[]> = {
  // What only a person can decide, what Armilla can mend, and what it mends when it is told to move data.
  h1: ["systemd-run -q --unit=spoil-port systemd-socket-activate --accept -l 6443 /bin/cat"],
  h2: ["mkdir -p /etc/kubernetes; echo x > /etc/kubernetes/kubelet.conf", "mkdir -p /opt/cni/bin; mount -t tmpfs -o noexec tmpfs /opt/cni/bin"],
  h3: ["mkdir /var/lib/k0s; echo x > /var/lib/k0s/token", "fallocate -l $(($(df --output=avail -BM / | tail -1 | tr -dc 0-9) - 1024))M /root/fill"],
};

/** Writes `findings.json` anew, for `begun.ts`: what was found on these hosts, and what a dry run would mend. */
async function record(site: string): Promise<void> {
  const { request } = person.context;
  const checks = (await (await request.get(`/api/v1/sites/${site}/checks`)).json()) as object;
  const repairs = (await (await request.post(`/api/v1/sites/${site}/repairs?dryRun=All`, { data: { moveData: true }, timeout: 120_000 })).json()) as object;
  writeFileSync("e2e/findings.json", `${JSON.stringify({ checks, repairs })}\n`);
}

test.runIf(wanted)("what stands in the way is seen, mended, and gone on with for a reason", async () => {
  const { page } = person;
  for (const [host, lines] of Object.entries(SPOILS)) for (const line of lines) lab.on(host, line);
  const config = [
    "apiVersion: kubekey.kubesphere.io/v1alpha2", "kind: Cluster", "metadata: {name: old}", "spec:", "  hosts:",
    ...["h1", "h2", "h3"].map((name, at) => `  - {name: ${name}, address: ${lab.addresses[at]}, internalAddress: ${lab.addresses[at]}, user: root, password: "${lab.password}"}`),
    "  roleGroups: {etcd: [h1], control-plane: [h1], worker: [h2, h3]}",
    "  kubernetes: {version: v1.37.1, clusterName: cluster.local, containerManager: docker, autoRenewCerts: true}",
    "  network: {plugin: calico, kubePodsCIDR: 10.233.64.0/18, kubeServiceCIDR: 10.233.0.0/18}",
    "  addons: []",
  ].join("\n");
  await person.open("/install");
  await page.getByLabel("Files of one installation").setInputFiles({ name: "config.yaml", mimeType: "text/yaml", buffer: Buffer.from(config) });
  await page.getByRole("button", { name: "Read the files" }).click();
  await page.getByRole("heading", { name: /^Read from/ }).waitFor();
  await look("import");
  await page.getByLabel("Password", { exact: true }).fill(lab.password);
  await page.getByRole("button", { name: "Connect to 3 hosts" }).click();
  await page.getByRole("button", { name: "Trust these 3 keys" }).click({ timeout: 60_000 });
  await page.getByRole("heading", { name: "Roles", level: 2 }).waitFor({ timeout: 90_000 });
  await look("import-roles");
  await page.goto(`${new URL(page.url()).pathname}?step=preflight`);
  await page.getByText(/stand in the way/).waitFor({ timeout: 90_000 });
  await look("findings");
  if (process.env.ARMILLA_RECORD) await record(new URL(page.url()).pathname.split("/").at(-1) ?? "");
  const row = (name: string) => page.getByRole("row", { name: new RegExp(`^${name}`) });
  await page.getByRole("button", { name: "No other cluster" }).click();
  await look("finding");
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: /^Mend \d+ findings/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("/etc/kubernetes").first().waitFor({ timeout: 60_000 });
  await look("mend");
  expect(await dialog.getByText("/var/lib/k0s").count(), "data stays unless it is said").toBe(0);
  await dialog.getByLabel("Also rename folders that hold another cluster's data").check();
  await dialog.getByText("/var/lib/k0s").first().waitFor({ timeout: 60_000 });
  await dialog.getByRole("button", { name: /^Make \d+ changes/ }).click();
  await dialog.waitFor({ state: "detached", timeout: 60_000 });
  await row("No other cluster").waitFor({ state: "detached", timeout: 90_000 });
  expect(lab.on("h2", "ls -d /etc/kubernetes* ; mount | grep -c 'cni.*noexec' || true")).toMatch(/\/etc\/kubernetes.armilla-aside\n0/);
  expect(lab.on("h3", "ls -d /var/lib/k0s*")).toBe("/var/lib/k0s.armilla-aside\n");
  await look("mended");

  // The full disk, and whatever the machine's own disk is busy with.
  while ((await page.getByText(/^\D*\d+ findings? stands? in the way/).count()) > 0) {
    await page.locator(".matrix .as-link").first().click();
    await page.getByRole("button", { name: /^Go on in spite of it/ }).first().click();
    await look("waive");
    await dialog.getByLabel("Reason").fill("it is a rehearsal");
    await dialog.getByRole("button", { name: "Go on in spite of it" }).click();
    await dialog.waitFor({ state: "detached" });
    await expect.poll(() => page.getByRole("button", { name: "Look again" }).isEnabled(), { timeout: 90_000 }).toBe(true);
  }
  await page.getByText(/Nothing stands in the way/).waitFor({ timeout: 90_000 });
  await look("waived");
  await page.getByText("Waived").first().waitFor();
  expect(person.wrong).toEqual([]);
}, 600_000);
