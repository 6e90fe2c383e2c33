/**
 * A server that has installed a cluster, for pages that want data and have no hosts: what `record.test.ts` wrote down, moved in time
 * to now, and one more run that is under way. What was not written down the real server behind it answers.
 *
 *     r-1  degraded: one host dropped out     r-3  healthy
 *     r-2  cancelled                          r-4  open: an installation 21 s after its beginning
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Begun } from "./begun";
import { Front, say } from "./front";

type Event = { type: string; step?: string; attempt?: number };
type Record_ = { index: number; at: number; run: string; event: Event };
type Body = { items?: Record<string, unknown>[] };

export const SITE = "plant-7";
/** A site of which nobody lets us in: a key that changed, a password that is wrong, a host that is not there. */
export const SHUT = "line-2";
const API = "/api/v1";
const LIVE = "r-4";
/** How far the run under way is, in milliseconds. */
const AGE = 21_000;
const SECOND = 1000;

export class Recorded extends Front {
  private readonly answersOf: Map<string, unknown>;
  private readonly born = Date.now();
  private readonly live: Record_[];
  private readonly begun: Begun;

  /** Event streams that are open. */
  streams = 0;

  constructor(state: string) {
    super(state);
    const { at, answers } = JSON.parse(readFileSync("e2e/recorded.json", "utf8")) as { at: number; answers: Record<string, unknown> };
    const later = this.born - at - 5 * 60 * SECOND;
    this.answersOf = new Map(Object.entries(answers).map(([asked, body]) => [asked, moved(body, later)]));
    this.live = this.underWay();
    this.begun = new Begun((asked) => this.answersOf.get(asked) as Record<string, unknown> | undefined, this.born);
  }

  /** The beginning of r-1 as it would have gone on: its third host, which dropped out, does what the second did. */
  private underWay(): Record_[] {
    const { items } = this.body("GET /runs/r-1/events?limit=1000") as unknown as { items: Record_[] };
    const began = items[0]?.at ?? 0;
    const two = items.filter(({ event }) => !event.step?.startsWith("h3/") && event.type !== "hostDropped");
    const three = two.flatMap(({ event, ...rest }) => (event.step?.startsWith("h2/") ? [{ ...rest, at: rest.at + 1300, event: { ...event, step: event.step.replace("h2/", "h3/") } }] : []));
    return [...two, ...three]
      .sort((one, other) => one.at - other.at)
      .filter(({ at }) => at - began <= AGE)
      .map(({ event, at }, place) => ({ format: 1, index: 9000 + place, at: this.born - AGE + at - began, run: LIVE, event: event.type === "stepDone" ? { ...event, output: undefined } : event }));
  }

  private body(asked: string): Body {
    return this.answersOf.get(asked) as Body;
  }

  protected answers(url: URL, incoming: IncomingMessage, answer: ServerResponse): boolean {
    if (!url.pathname.startsWith(API)) return false;
    const path = decodeURIComponent(url.pathname.slice(API.length));
    if (path === "/me") say(answer, { name: "anna", role: "admin" });
    else if (path === "/watch") this.watch(answer);
    else if (path === "/runs") say(answer, listed([...(this.body("GET /runs").items ?? []), this.run()], url.searchParams));
    else if (path === "/requests") say(answer, { items: [], total: 0 });
    else if (path === `/runs/${LIVE}`) say(answer, this.run());
    else if (path === `/runs/${LIVE}/events`) say(answer, { items: this.live.filter(({ index }) => index >= Number(url.searchParams.get("from") ?? 0)) });
    else if (path.endsWith("/output")) say(answer, this.output(path, url.searchParams));
    else if (path.endsWith("/log")) return this.log(path, url.searchParams, answer);
    else return this.any(path, url, incoming, answer);
    return true;
  }

  private any(path: string, url: URL, incoming: IncomingMessage, answer: ServerResponse): boolean {
    const asked = `${incoming.method} ${path}`;
    const recorded = () => this.answersOf.get(path.endsWith("/events") && path.startsWith("/runs/") ? `${asked}?limit=1000` : asked);
    const body = (this.begun.answer(incoming.method ?? "GET", path) ?? recorded()) as Body | undefined;
    if (body === undefined) return false;
    say(answer, body.items && !path.startsWith("/runs/") ? { ...body, ...listed(body.items, url.searchParams) } : body);
    return true;
  }

  private run(): Record<string, unknown> {
    const [first] = this.body("GET /runs").items ?? [];
    return { ...first, id: LIVE, state: "open", live: true, startedAt: this.born - AGE, endedAt: undefined, revision: 9000, view: {} };
  }

  /** All of it at once: nothing said here is as long as a page of the server. */
  private output(path: string, query: URLSearchParams): object {
    const asked = `GET ${path}?step=${encodeURIComponent(query.get("step") ?? "")}&attempt=${query.get("attempt") ?? "1"}`;
    const { text = "" } = (this.answersOf.get(asked) ?? {}) as { text?: string };
    const offset = Number(query.get("offset") ?? 0);
    return { text: text.slice(offset), next: text.length };
  }

  /** One line a second up to now. It stays open, as a log that is followed. */
  private log(path: string, query: URLSearchParams, answer: ServerResponse): boolean {
    const text = this.answersOf.get(`GET ${path}?container=${query.get("container") ?? ""}&tail=40`);
    if (typeof text !== "string") return false;
    const lines = text.split("\n").filter((line) => line !== "");
    const stamped = lines.map((line, place) => `${new Date(this.born - (lines.length - place) * SECOND).toISOString()} ${line}\n`);
    answer.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" });
    answer.write(stamped.join(""));
    if (query.get("follow") !== "true") answer.end();
    else this.hold(answer);
    return true;
  }

  private watch(answer: ServerResponse): void {
    answer.writeHead(200, { "Content-Type": "text/event-stream" });
    answer.write(`id: 9999\nevent: bookmark\ndata: {"index":9999}\n\n`);
    this.hold(answer);
    const total = 84_000_000;
    const tell = () => {
      const age = Date.now() - this.born;
      for (const [host, already] of [["h1", 21e6], ["h2", 34e6], ["h3", 17e6]] as const) {
        const going = host === "h1" ? "import/base" : host === "h2" ? "import/addons" : "import/base";
        const progress = { run: LIVE, step: `${host}/${going}`, attempt: 1, bytesDone: Math.min(total, Math.round(already + age * 900)), bytesTotal: total, note: null };
        answer.write(`event: progress\ndata: ${JSON.stringify(progress)}\n\n`);
      }
    };
    const timer = setInterval(tell, 300);
    this.streams += 1;
    answer.on("close", () => {
      clearInterval(timer);
      this.streams -= 1;
    });
  }

  private hold(answer: ServerResponse): void {
    this.watching.add(answer);
    answer.on("close", () => this.watching.delete(answer));
  }

  /** A shell that says who it is and nothing more. */
  protected override upgrade(incoming: IncomingMessage, socket: Duplex): void {
    const key = `${incoming.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const shown = Buffer.from("root@h3:~# ls -ld /usr/local/bin/ctr\r\ndrwxr-xr-x 3 root root 4096 /usr/local/bin/ctr\r\nroot@h3:~# ");
    socket.write(Buffer.concat([Buffer.from([0x82, shown.length]), shown]));
    socket.on("error", () => undefined);
  }
}

/** Every time in what was said, so many milliseconds later. */
function moved(body: unknown, later: number): unknown {
  if (typeof body === "number") return body > 1.7e12 && body < 2e12 ? body + later : body > 1.7e18 ? body + later * 1e6 : body;
  if (typeof body === "string") return /^20\d\d-\d\d-\d\dT[\d:.]+Z$/.test(body) ? new Date(Date.parse(body) + later).toISOString() : body;
  if (Array.isArray(body)) return body.map((each) => moved(each, later));
  if (typeof body === "object" && body !== null) return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, moved(value, later)]));
  return body;
}

/** What the server's lists do, as far as pages ask it of these: conditions, fields of a cluster's objects, one order. */
function listed(items: Record<string, unknown>[], query: URLSearchParams): object {
  const conditions = (query.get("filter") ?? "").split(",").filter(Boolean);
  const fits = (item: Record<string, unknown>) => conditions.every((condition) => {
    const [, field = "", how = "", value = ""] = /^(\w+)([=~])(.*)$/.exec(condition) ?? [];
    const own = String(item[field] ?? "");
    return how === "=" ? own === value : own.includes(value);
  });
  const ofObject = (item: Record<string, unknown>) => (query.get("fields") ?? "").split(",").filter(Boolean).every((condition) => {
    const [field = "", value = ""] = condition.split("=");
    const about = item.object as { kind?: string; name?: string } | undefined;
    const own = { "spec.nodeName": item.node, "metadata.name": item.name, "involvedObject.name": about?.name, "involvedObject.kind": about?.kind }[field];
    return own === undefined || own === value;
  });
  const found = items.filter((item) => fits(item) && ofObject(item) && (!query.get("namespace") || item.namespace === query.get("namespace")));
  const [, down, by = ""] = /^(-?)(.*)$/.exec(query.get("sort") ?? "") ?? [];
  if (by) found.sort((one, other) => (down ? -1 : 1) * (Number(one[by] ?? 0) - Number(other[by] ?? 0) || String(one[by] ?? "").localeCompare(String(other[by] ?? ""))));
  return { items: found, total: found.length, continue: undefined };
}
