/** From a server that nobody knows and three bare hosts to a cluster, by one person in a browser. Real sshd, real Kubernetes. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, Person } from "./browser";
import { lookAround } from "./clusters";
import { Mouse } from "./hands";
import { Way } from "./install";
import { Lab } from "./lab";
import { Server } from "./server";
import { words } from "./words";

let browser: Browser;
let server: Server;
let lab: Lab;
const user = { name: "anna", password: "correct horse battery" };
const SITE = "site-1";

beforeAll(async () => {
  lab = Lab.up("browser", 3);
  browser = await launch();
  server = await Server.start(undefined, undefined, lab);
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await server?.remove();
  lab?.down();
});

test("a person installs a three-host cluster in English by clicks alone", async () => {
  const person = await Person.at(browser, server.url, "en", "light");
  const { page } = person;
  const look = (what: string) => person.wellMade(what);

  const first = new Mouse(page);
  await new Way(person, first, words("en"), look).begin(server.code ?? "", server.fingerprint, user);
  console.log(`install: first start and bundle by ${first.said}`);

  // The goals of design: at most eight clicks and four inputs from a bundle on disk to a run.
  const express = new Mouse(page);
  const way = new Way(person, express, words("en"), look);
  await way.toHosts();
  await way.connect(lab);
  await way.next("options");
  await look("install-options");
  await way.install(3);
  console.log(`install: from the bundle to the run by ${express.said}`);
  expect(express.clicks).toBeLessThanOrEqual(8);
  expect(express.inputs).toBeLessThanOrEqual(4);

  // In the middle of it: something is done, something is not.
  await expect.poll(() => page.locator(".bar-done").count(), { timeout: 120_000 }).toBeGreaterThan(3);
  await look("run");
  await way.healthy();
  await look("run-healthy");
  expect(await drafts(person), "the draft has done its work").toBe(0);

  await express.press("link", "Open the cluster");
  await page.getByText("3 of 3 ready").first().waitFor({ timeout: 60_000 });
  await look("cluster");
  lab.on("h1", "kubectl --kubeconfig /etc/kubernetes/admin.conf run entered --image=docker.io/library/busybox:1.35 --image-pull-policy=IfNotPresent -- sleep 3600");
  lab.on("h1", "kubectl --kubeconfig /etc/kubernetes/admin.conf wait --for=condition=Ready pod/entered --timeout=120s");
  await lookAround(page, SITE, "h2", "default/entered");
  for (const path of ["nodes", "nodes/h2", "workloads", "pods", "pods/default/entered", "events"]) {
    await person.open(`/clusters/${SITE}/${path}`);
    await look(`cluster-${path.replaceAll("/", "-")}`);
  }
  for (const path of ["/", "/runs", "/clusters", "/hosts", `/hosts/${SITE}`, "/audit"]) {
    await person.open(path);
    await look(`after${path.replaceAll("/", "-")}`);
  }
  expect(person.wrong).toEqual([]);
  await person.close();
}, 1_200_000);

async function drafts(person: Person): Promise<number> {
  const answer = await person.context.request.get("/api/v1/drafts");
  return ((await answer.json()) as { total: number }).total;
}
