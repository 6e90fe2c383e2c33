/** One run, followed: its events in order, their fold, and how far acts are. Made once for a page, closed with it. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { api } from "../../api/client";
import { settle } from "../../api/problem";
import { watch, type Change } from "../../api/watch";
import { emptyView, fold, type View } from "./fold";
import type { Progress, Record_ } from "./model";
import { Rates } from "./rates";
import { Sequence } from "./sequence";

/** Events of one page of the server. */
const PAGE = 1000;
/** Between two tries of reading when there is no answer, in milliseconds. */
const AGAIN = 2000;

export type Followed = {
  records: readonly Record_[];
  /** How many of them this picture is of: the array itself only grows. */
  count: number;
  view: View;
  rates: Rates;
  /** Everything that had happened when the page was opened is there. */
  whole: boolean;
};

export class Follower {
  private readonly sequence = new Sequence();
  private readonly rates = new Rates();
  private readonly listeners = new Set<() => void>();
  private readonly stopListening: () => void;
  private view = emptyView();
  private whole = false;
  private closed = false;
  private frame: number | undefined;
  private again: ReturnType<typeof setTimeout> | undefined;
  private picture: Followed;

  constructor(private readonly run: string) {
    this.picture = this.draw();
    this.stopListening = watch.listen({
      change: (change) => this.hear(change),
      // The stream begins somewhere: what came before that is read.
      link: (link) => link.state === "live" && void this.read(),
      gap: () => void this.read(),
    });
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  now = (): Followed => this.picture;

  close(): void {
    this.closed = true;
    this.stopListening();
    clearTimeout(this.again);
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
  }

  private hear({ topic, data }: Change): void {
    if (topic === "events" && (data as Record_).run === this.run) this.take(this.sequence.live(data as Record_));
    if (topic === "progress" && (data as Progress).run === this.run) {
      this.rates.take(data as Progress, Date.now());
      this.tell();
    }
  }

  private async read(): Promise<void> {
    clearTimeout(this.again);
    this.sequence.begin();
    let whole = false;
    try {
      for (let more = true; more && !this.closed; ) {
        const query = { from: this.sequence.next, limit: PAGE };
        const asked = api.GET("/api/v1/runs/{id}/events", { params: { path: { id: this.run }, query } });
        const items = (await settle(asked)).body.items as unknown as Record_[];
        this.take(this.sequence.page(items));
        more = items.length === PAGE;
      }
      whole = true;
    } catch {
      // The page itself says what is wrong with the run; events come as soon as there is an answer.
      if (!this.closed) this.again = setTimeout(() => void this.read(), AGAIN);
    }
    this.take(this.sequence.end(whole));
    this.whole ||= whole;
    this.tell();
  }

  private take(records: readonly Record_[]): void {
    if (records.length === 0) return;
    this.view = fold(this.view, records);
    for (const { event } of records) {
      if (event.type === "stepMet" || event.type === "stepDone" || event.type === "stepFailed") this.rates.end(event.step);
    }
    this.tell();
  }

  /** Draws at most once a frame, and soon in a tab that is not seen. */
  private tell(): void {
    if (this.frame !== undefined || this.closed) return;
    const draw = () => {
      this.frame = undefined;
      this.picture = this.draw();
      for (const listener of this.listeners) listener();
    };
    this.frame = requestAnimationFrame(draw);
  }

  private draw(): Followed {
    const { records } = this.sequence;
    return { records, count: records.length, view: this.view, rates: this.rates, whole: this.whole };
  }
}

/** What is known of a run now; nothing until the first look at it. */
export function useFollowed(run: string): Followed | undefined {
  const [follower, setFollower] = useState<Follower>();
  useEffect(() => {
    const made = new Follower(run);
    setFollower(made);
    return () => {
      made.close();
      setFollower(undefined);
    };
  }, [run]);
  return useSyncExternalStore(follower?.subscribe ?? never, () => follower?.now());
}

const never = () => () => undefined;
