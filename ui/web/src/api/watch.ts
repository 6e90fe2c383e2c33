/**
 * One event stream per browser: the tab that holds the lock reads it and tells the others.
 *
 *     server ──SSE──▶ leading tab ──BroadcastChannel──▶ other tabs ──▶ listeners in each
 *
 * Every tab knows the last index it was told, so that whichever leads next goes on after it: nothing is lost or told twice.
 */
import { Parser, type Message } from "./events";

/** Something became other: of a resource `{topic, id, became, at}`, of `events` the run's event itself. */
export type Change = { topic: string; index: number | undefined; data: unknown };
/** `ended`: the session is over, and nothing comes until somebody logs in again. */
export type Link = { state: "live" } | { state: "lost"; retryAt: number } | { state: "ended" };
type Told = { change: Change } | { link: Link } | { gap: true } | { ask: true } | { seen: number };
type Listener = { change?: (change: Change) => void; link?: (link: Link) => void; gap?: () => void };

const CHANNEL = "armilla-watch";
/** The server says something every 15 s; after this long without a word the line is dead, in milliseconds. */
const SILENCE = 40_000;
/** Between two tries, in milliseconds: soon at first, never in step with everybody else. */
const pause = (tries: number) => Math.min(10_000, 500 * 2 ** tries) * (0.75 + Math.random() / 2);

class Watch {
  private readonly listeners = new Set<Listener>();
  private channel: BroadcastChannel | undefined;
  private stop: AbortController | undefined;
  private last: number | undefined;
  private link: Link = { state: "live" };
  private leads = false;

  /** Tells from now on; gives back how to stop. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    listener.link?.(this.link);
    return () => this.listeners.delete(listener);
  }

  /** From the moment that somebody is logged in. */
  start(): void {
    if (this.stop) return;
    const stop = new AbortController();
    this.stop = stop;
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.onmessage = (message: MessageEvent<Told>) => this.hear(message.data);
    this.channel.postMessage({ ask: true } satisfies Told);
    navigator.locks.request(CHANNEL, { signal: stop.signal }, () => this.lead(stop.signal)).catch(() => undefined);
  }

  /** When somebody logs out. */
  close(): void {
    this.stop?.abort();
    this.stop = undefined;
    this.channel?.close();
    this.last = undefined;
    this.leads = false;
  }

  private hear(told: Told): void {
    if ("ask" in told) {
      if (this.leads) {
        this.channel?.postMessage({ link: this.link } satisfies Told);
        if (this.last !== undefined) this.channel?.postMessage({ seen: this.last } satisfies Told);
      }
      return;
    }
    if ("seen" in told) this.last = told.seen;
    if ("change" in told && told.change.index !== undefined) this.last = told.change.index;
    if ("link" in told) this.link = told.link;
    for (const listener of this.listeners) {
      if ("change" in told) listener.change?.(told.change);
      if ("link" in told) listener.link?.(told.link);
      if ("gap" in told) listener.gap?.();
    }
  }

  private tellAll(told: Told): void {
    this.hear(told);
    this.channel?.postMessage(told);
  }

  /** Holds the lock until this tab is closed; then another one leads. */
  private async lead(stop: AbortSignal): Promise<void> {
    this.leads = true;
    for (let tries = 0; !stop.aborted; tries += 1) {
      const outcome = await this.follow(stop, () => (tries = 0)).catch(() => "cut" as const);
      if (stop.aborted) return;
      if (outcome === "ended") return this.tellAll({ link: { state: "ended" } });
      if (outcome === "unknown") {
        // What we have seen did not happen there: everything is read again.
        this.last = undefined;
        this.tellAll({ gap: true });
      }
      const wait = pause(tries);
      this.tellAll({ link: { state: "lost", retryAt: Date.now() + wait } });
      await new Promise((wake) => setTimeout(wake, wait));
    }
  }

  /** Reads one connection to its end. */
  private async follow(stop: AbortSignal, opened: () => void): Promise<"cut" | "ended" | "unknown"> {
    const cut = new AbortController();
    const silence = { timer: setTimeout(() => cut.abort(), SILENCE) };
    try {
      const headers = this.last === undefined ? {} : { "Last-Event-ID": String(this.last) };
      const signal = AbortSignal.any([stop, cut.signal]);
      const response = await fetch("/api/v1/watch", { headers, signal, cache: "no-store" });
      if (response.status === 401) return "ended";
      if (response.status === 409) return "unknown";
      if (!response.ok || !response.body) return "cut";
      opened();
      this.tellAll({ link: { state: "live" } });
      // Nothing was heard yet of what happened between the first answers and now.
      if (this.last === undefined) this.tellAll({ gap: true });
      const parser = new Parser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        clearTimeout(silence.timer);
        silence.timer = setTimeout(() => cut.abort(), SILENCE);
        for (const message of parser.take(read.value)) this.tellMessage(message);
      }
      return "cut";
    } finally {
      clearTimeout(silence.timer);
    }
  }

  private tellMessage({ id, event, data }: Message): void {
    const index = id === undefined ? undefined : Number(id);
    if (event === "bookmark") {
      if (index !== undefined) this.tellAll({ seen: index });
    } else {
      this.tellAll({ change: { topic: event, index, data: JSON.parse(data) as unknown } });
    }
  }
}

export const watch = new Watch();
