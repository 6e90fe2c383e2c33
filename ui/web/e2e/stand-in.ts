/**
 * A run that never was, in front of a real `armilla serve`: as large as one likes, its events when the test says so, its stream
 * cut when the test says so.
 *
 *     /api/v1/watch              the run's events after Last-Event-ID, then as they happen
 *     /api/v1/runs/r-1, its events and output, its plan
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Front, say } from "./front";

export const RUN = "r-1";
export const PLAN = "0".repeat(64);
/** As the server's pages (`routes/runs.rs`). */
const OUTPUT_PAGE = 256 << 10;

type Event = { type: string; plan?: string; step?: string; attempt?: number; output?: { length: number } };
type Recorded = { format: 1; index: number; at: number; run: string; event: Event };
export type Step = { id: string; phase: string; wave: number; host: string; action: { kind: string }; after: string[]; quorum_critical: boolean };

export class StandIn extends Front {
  readonly ledger: Recorded[] = [];
  /** What each step said. */
  readonly outputs = new Map<string, string>();
  /** Streams that were opened. */
  streams = 0;

  constructor(state: string, readonly steps: Step[]) {
    super(state);
  }

  /** Something happens. Indices leave holes, as those of one run in a ledger do. */
  happen(event: Event, tell = true): Recorded {
    const recorded: Recorded = { format: 1, index: (this.ledger.at(-1)?.index ?? 10) + 1 + (this.ledger.length % 3), at: Date.now(), run: RUN, event };
    this.ledger.push(recorded);
    if (tell) for (const stream of this.watching) stream.write(message(recorded));
    return recorded;
  }

  protected answers(url: URL, incoming: IncomingMessage, answer: ServerResponse): boolean {
    switch (url.pathname) {
      case "/api/v1/watch":
        this.watch(incoming, answer);
        return true;
      case `/api/v1/runs/${RUN}`:
        say(answer, this.run());
        return true;
      case "/api/v1/runs":
        say(answer, { items: [this.run()], total: 1 });
        return true;
      case `/api/v1/runs/${RUN}/events`: {
        const [from, limit] = [Number(url.searchParams.get("from") ?? 0), Number(url.searchParams.get("limit") ?? 1000)];
        say(answer, { items: this.ledger.filter(({ index }) => index >= from).slice(0, limit) });
        return true;
      }
      case `/api/v1/runs/${RUN}/output`: {
        const [text, offset] = [this.outputs.get(url.searchParams.get("step") ?? "") ?? "", Number(url.searchParams.get("offset") ?? 0)];
        const piece = text.slice(offset, offset + OUTPUT_PAGE);
        say(answer, { text: piece, next: offset + piece.length });
        return true;
      }
      case `/api/v1/plans/${PLAN}`:
        say(answer, { format: 1, id: PLAN, site: "lab", intent: "install", release: "1.0", report: [], steps: this.steps });
        return true;
    }
    return false;
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
