/**
 * A run that never was, in front of a real `armilla serve`: as large as one likes, its events when the test says so, its stream
 * cut when the test says so. Everything else is the real server's, asked over its socket.
 *
 *     browser ──▶ stand-in ──▶ STATE/armilla.sock
 *                   ├ /api/v1/watch              the run's events after Last-Event-ID, then as they happen
 *                   └ /api/v1/runs/r-1, its events and output, its plan
 */
import { readFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type Server as Listener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

export const RUN = "r-1";
export const PLAN = "0".repeat(64);
/** As the server's pages (`routes/runs.rs`). */
const OUTPUT_PAGE = 256 << 10;

type Event = { type: string; plan?: string; step?: string; attempt?: number; output?: { length: number } };
type Recorded = { format: 1; index: number; at: number; run: string; event: Event };
export type Step = { id: string; phase: string; wave: number; host: string; action: { kind: string }; after: string[]; quorum_critical: boolean };

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

export class StandIn {
  readonly ledger: Recorded[] = [];
  /** What each step said. */
  readonly outputs = new Map<string, string>();
  private readonly watching = new Set<ServerResponse>();
  private listener: Listener | undefined;
  /** Streams that were opened. */
  streams = 0;

  constructor(private readonly state: string, readonly steps: Step[]) {}

  async listen(): Promise<string> {
    const listener = createServer((incoming, answer) => this.answer(incoming, answer));
    this.listener = listener;
    await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  }

  close(): void {
    this.cut();
    this.listener?.closeAllConnections();
    this.listener?.close();
  }

  /** Something happens. Indices leave holes, as those of one run in a ledger do. */
  happen(event: Event, tell = true): Recorded {
    const recorded: Recorded = { format: 1, index: (this.ledger.at(-1)?.index ?? 10) + 1 + (this.ledger.length % 3), at: Date.now(), run: RUN, event };
    this.ledger.push(recorded);
    if (tell) for (const stream of this.watching) stream.write(message(recorded));
    return recorded;
  }

  /** Every stream ends in the middle of it. */
  cut(): void {
    for (const stream of this.watching) stream.destroy();
    this.watching.clear();
  }

  private answer(incoming: IncomingMessage, answer: ServerResponse): void {
    const url = new URL(incoming.url ?? "/", "http://stand-in");
    const say = (body: unknown) => answer.setHeader("Content-Type", "application/json").end(JSON.stringify(body));
    switch (url.pathname) {
      case "/api/v1/watch":
        return this.watch(incoming, answer);
      case `/api/v1/runs/${RUN}`:
        return void say(this.run());
      case "/api/v1/runs":
        return void say({ items: [this.run()], total: 1 });
      case `/api/v1/runs/${RUN}/events`: {
        const [from, limit] = [Number(url.searchParams.get("from") ?? 0), Number(url.searchParams.get("limit") ?? 1000)];
        return void say({ items: this.ledger.filter(({ index }) => index >= from).slice(0, limit) });
      }
      case `/api/v1/runs/${RUN}/output`: {
        const [text, offset] = [this.outputs.get(url.searchParams.get("step") ?? "") ?? "", Number(url.searchParams.get("offset") ?? 0)];
        const piece = text.slice(offset, offset + OUTPUT_PAGE);
        return void say({ text: piece, next: offset + piece.length });
      }
      case `/api/v1/plans/${PLAN}`:
        return void say({ format: 1, id: PLAN, site: "lab", intent: "install", release: "1.0", report: [], steps: this.steps });
    }
    if (process.env.UI_DIST && !url.pathname.startsWith("/api/")) return this.file(url.pathname, answer);
    this.pass(incoming, answer);
  }

  private run(): object {
    const startedAt = this.ledger[0]?.at ?? Date.now();
    return { id: RUN, site: "lab", plan: PLAN, state: "open", live: true, startedAt, revision: 1, view: {} };
  }

  private watch(incoming: IncomingMessage, answer: ServerResponse): void {
    this.streams += 1;
    const last = this.ledger.at(-1)?.index ?? 0;
    const after = Number(incoming.headers["last-event-id"] ?? last);
    answer.writeHead(200, { "Content-Type": "text/event-stream" });
    answer.write(`id: ${after}\nevent: bookmark\ndata: {"index":${after}}\n\n`);
    for (const recorded of this.ledger) if (recorded.index > after) answer.write(message(recorded));
    this.watching.add(answer);
    answer.on("close", () => this.watching.delete(answer));
  }

  private pass(incoming: IncomingMessage, answer: ServerResponse): void {
    // The socket's caller is the machine's own user: a browser's origin has no meaning there.
    const headers = { ...incoming.headers };
    delete headers.origin;
    delete headers["sec-fetch-site"];
    const asked = request({ socketPath: join(this.state, "armilla.sock"), path: incoming.url, method: incoming.method, headers }, (told) => {
      answer.writeHead(told.statusCode ?? 502, told.headers);
      told.pipe(answer);
    });
    asked.on("error", () => answer.writeHead(502).end());
    incoming.pipe(asked);
  }

  /** The web UI as it was built last, in place of the one in the program: `UI_DIST=dist`. */
  private file(path: string, answer: ServerResponse): void {
    const file = extname(path) ? path : "/index.html";
    answer.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream").end(readFileSync(join(process.env.UI_DIST ?? "", file)));
  }
}

const message = (recorded: Recorded) => `id: ${recorded.index}\nevent: events\ndata: ${JSON.stringify(recorded)}\n\n`;

/** Steps of so many hosts, each after the one before it on its host. */
export function steps(hosts: number, each: number): Step[] {
  return Array.from({ length: hosts * each }, (_, at) => {
    const [host, number] = [`h${Math.floor(at / each) + 1}`, (at % each) + 1];
    const after = number > 1 ? [`${host}/place/s${number - 1}`] : [];
    return { id: `${host}/place/s${number}`, phase: "place", wave: 0, host, action: { kind: "files" }, after, quorum_critical: false };
  });
}
