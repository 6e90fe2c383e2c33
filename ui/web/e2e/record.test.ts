/**
 * Writes `recorded.json`: what a server with a cluster and some history says, for pages that want data and have no hosts.
 *
 *     ARMILLA_RECORD=STATE npx vitest run --config e2e/vitest.config.ts record
 *
 * STATE is the folder of an `armilla serve` that has installed something; every site, run, plan and cluster that it has is asked for.
 */
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { basename, dirname, join } from "node:path";
import { test } from "vitest";

const state = process.env.ARMILLA_RECORD;

function ask(method: "GET" | "POST", path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(`${state}`, "armilla.sock"), path: `/api/v1${path}`, method, headers: { Host: "local" } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      answer.on("end", () => {
        if ((answer.statusCode ?? 500) >= 400) return reject(new Error(`${method} ${path}: ${text}`));
        resolve(answer.headers["content-type"]?.includes("json") ? JSON.parse(text) : text);
      });
    });
    asked.on("error", reject).end();
  });
}

type Named = { name: string; namespace?: string; id: string; plan: string; path: string; founded: boolean; containers?: { name: string }[] };
type List = { items: Named[] };
type Event = { event: { type: string; step: string; attempt: number; output?: { length: number } } };

test.runIf(state)("a server's answers are written down", async () => {
  const answers: Record<string, unknown> = {};
  const note = async <Body>(path: string, method: "GET" | "POST" = "GET"): Promise<Body> => (answers[`${method} ${path}`] = await ask(method, path)) as Body;
  const noteAny = (path: string, method: "GET" | "POST" = "GET") => note(path, method).catch(() => undefined);

  const bundles = await note<List>("/bundles");
  for (const { id } of bundles.items) for (const part of ["", "/contents"]) await note(`/bundles/${id}${part}`);
  for (const { name, founded } of (await note<List>("/sites")).items) {
    await note(`/sites/${name}`);
    for (const part of ["/hosts", "/credentials", "/survey", "/checks"]) await noteAny(`/sites/${name}${part}`);
    await noteAny(`/sites/${name}/scan`, "POST");
    if (founded) await cluster(name, note, noteAny);
  }
  await note("/host-keys");
  for (const { id, plan } of (await note<List>("/runs")).items) {
    await note(`/runs/${id}`);
    for (const part of ["", "/text", "/diff"]) await noteAny(`/plans/${plan}${part}`);
    for (const { event } of (await note<{ items: Event[] }>(`/runs/${id}/events?limit=1000`)).items) {
      if (event.output?.length) await note(`/runs/${id}/output?step=${encodeURIComponent(event.step)}&attempt=${event.attempt}`);
    }
  }
  let text = `{"at":${Date.now()},"answers":{\n${Object.entries(answers).map(([asked, body]) => `${JSON.stringify(asked)}:${JSON.stringify(body)}`).join(",\n")}\n}}\n`;
  // Where a bundle's file lay on the machine of whoever recorded this is nobody's concern.
  for (const { path } of bundles.items) text = text.replaceAll(JSON.stringify(path), JSON.stringify(join("/media/usb", basename(path)))).replaceAll(dirname(path), "/media/usb");
  writeFileSync("e2e/recorded.json", text);
});

type Note = <Body>(path: string) => Promise<Body>;

async function cluster(site: string, note: Note, noteAny: (path: string) => Promise<unknown>): Promise<void> {
  const at = `/clusters/${site}`;
  for (const part of ["", "/addons", "/certificates", "/workloads", "/events"]) await note(`${at}${part}`);
  for (const { name } of (await note<List>(`${at}/nodes`)).items) await note(`${at}/nodes/${name}`);
  for (const { namespace, name } of (await note<List>(`${at}/pods`)).items) {
    const { containers = [] } = await note<Named>(`${at}/pods/${namespace}/${name}`);
    for (const { name: container } of containers) await noteAny(`${at}/pods/${namespace}/${name}/log?container=${container}&tail=40`);
  }
}
