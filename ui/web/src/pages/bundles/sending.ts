/**
 * Bundles on their way from this browser to the server. They go on while one walks from page to page; after a reload or in
 * another browser the same file is chosen again and goes on where it was cut.
 *
 *     sends ──cut──▶ waits ──▶ sends        a line that comes back is found by asking again
 *       │  ◀──goOn── paused
 *       └─ all there ──▶ verifies ──▶ done
 *
 * No digest of the whole is sent along: a bundle's own seal covers every byte, and the server holds each against it.
 */
import { useSyncExternalStore } from "react";
import { api, type Of } from "../../api/client";
import { queries, reading } from "../../api/data";
import { settle, Trouble, unreachable } from "../../api/problem";
import type { Head } from "./head";
import { sampled, type Sample } from "./pace";
import { after, type Doing } from "./verdict";

type Upload = Of<"Upload">;

export type Sending = {
  /** Of the upload on the server. */
  id: string;
  name: string;
  size: number;
  /** Bytes that have left here. */
  sent: number;
  samples: Sample[];
  state: "sends" | "paused" | "waits" | "verifies" | "elsewhere" | "failed";
  trouble?: Error;
};

type Job = { file: File; head: Head | undefined; stop: AbortController; /** Ends when nothing of it is being sent any more. */ running: Promise<void> };

/** Bytes of one request. What of a request that breaks off has arrived stays there. */
const CHUNK = 8 << 20;
const pause = (tries: number) => Math.min(10_000, 500 * 2 ** tries);

const jobs = new Map<string, Job>();
let sendings: readonly Sending[] = [];
const listeners = new Set<() => void>();
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
const tell = (next: readonly Sending[]) => {
  sendings = next;
  for (const listener of listeners) listener();
};
const change = (id: string, what: Partial<Sending>) => tell(sendings.map((each) => (each.id === id ? { ...each, ...what } : each)));

export const useSendings = (): readonly Sending[] => useSyncExternalStore(subscribe, () => sendings);

/** Announces a file, and sends it; gives back the upload's id. */
export async function begin(file: File, head: Head): Promise<string> {
  const { body } = await settle(api.POST("/api/v1/uploads", { body: { name: file.name, size: file.size } }));
  const upload = body as Upload;
  goOnWith(upload, file, head);
  return upload.id;
}

/** Goes on with an upload that the server has a part of. */
export function goOnWith(upload: Upload, file: File, head: Head | undefined): void {
  const { id, name, size, received } = upload;
  jobs.set(id, { file, head, stop: new AbortController(), running: Promise.resolve() });
  const begun: Sending = { id, name, size, sent: received, samples: [], state: "sends" };
  tell([...sendings.filter((each) => each.id !== id), begun]);
  start(id);
}

export function hold(id: string): void {
  jobs.get(id)?.stop.abort();
  change(id, { state: "paused", samples: [] });
}

/** After a pause, or after what was in the way is mended. */
export function goOn(id: string): void {
  const job = jobs.get(id);
  if (!job) return;
  job.stop = new AbortController();
  change(id, { state: "sends", samples: [] });
  start(id);
}

/** Forgets it here; on the server it is for the caller to end. */
export function giveUp(id: string): void {
  jobs.get(id)?.stop.abort();
  done(id);
}

function start(id: string): void {
  const job = jobs.get(id);
  if (job) job.running = job.running.then(() => run(id, job));
}

/** One tab of a browser sends it; whoever comes second says that it goes on elsewhere. */
async function run(id: string, job: Job): Promise<void> {
  await navigator.locks.request(`armilla-upload-${id}`, { ifAvailable: true }, async (lock) => {
    if (lock) await keepSending(id, job);
    else change(id, { state: "elsewhere" });
  });
}

async function keepSending(id: string, job: Job): Promise<void> {
  const { signal } = job.stop;
  let [tries, refused] = [0, 0];
  while (!signal.aborted) {
    let doing: Doing = "sending";
    try {
      await sendRest(id, job, () => ([tries, refused] = [0, 0]));
      doing = "finishing";
      await finish(id);
      return done(id);
    } catch (error) {
      if (signal.aborted) return;
      const trouble = error instanceof Trouble ? error : undefined;
      if (trouble?.kind === "not-found" && (await isThere(job.head?.id))) return done(id);
      if (trouble?.kind === "conflict") refused += 1;
      const next = after(trouble, doing, refused);
      if (next !== "again") return change(id, next === "failed" ? { state: next, trouble: error as Error } : { state: next });
      change(id, { state: "waits", samples: [], ...(trouble && { trouble }) });
      await wake(pause((tries += 1)), signal);
    }
  }
}

async function sendRest(id: string, job: Job, progressed: () => void): Promise<void> {
  const asked = await queries.fetchQuery({ ...reading(["uploads", id], () => api.GET("/api/v1/uploads/{id}", { params: { path: { id } } })), staleTime: 0, retry: false });
  for (let { received } = asked; received < asked.size; progressed()) {
    // Read before it is sent: a file that was changed or taken away is told apart from a line that is down.
    const piece = await job.file.slice(received, received + CHUNK).arrayBuffer();
    const from = received;
    change(id, { state: "sends", sent: from });
    received = (await put(id, from, piece, job.stop.signal, (bytes) => note(id, from + bytes))).received;
    note(id, received);
  }
}

function note(id: string, bytes: number): void {
  const now = Date.now();
  tell(sendings.map((each) => (each.id === id ? { ...each, sent: bytes, samples: sampled(each.samples, { at: now, bytes }) } : each)));
}

/** One chunk. By XMLHttpRequest: `fetch` does not tell how much has left. */
function put(id: string, offset: number, piece: ArrayBuffer, signal: AbortSignal, left: (bytes: number) => void): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const cut = () => request.abort();
    request.open("PUT", `/api/v1/uploads/${encodeURIComponent(id)}/content?offset=${offset}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded }) => left(Math.min(loaded, piece.byteLength));
    request.onload = () => {
      if (request.status === 200) resolve(request.response as Upload);
      else reject(isProblem(request.response) ? new Trouble(request.response) : unreachable(request.status));
    };
    request.onerror = request.onabort = () => reject(unreachable());
    request.onloadend = () => signal.removeEventListener("abort", cut);
    signal.addEventListener("abort", cut);
    request.send(piece);
  });
}

const isProblem = (value: unknown): value is Of<"Problem"> => typeof value === "object" && value !== null && "type" in value;

async function finish(id: string): Promise<void> {
  change(id, { state: "verifies", samples: [] });
  await settle(api.POST("/api/v1/uploads/{id}/complete", { params: { path: { id } } }));
}

/** Whether it became a bundle already, and only the answer was lost. */
async function isThere(bundle: string | undefined): Promise<boolean> {
  if (!bundle) return false;
  return settle(api.GET("/api/v1/bundles/{id}", { params: { path: { id: bundle } } })).then(() => true, () => false);
}

function done(id: string): void {
  jobs.delete(id);
  tell(sendings.filter((each) => each.id !== id));
}

function wake(after: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, after);
    signal.addEventListener("abort", () => resolve());
  });
}
