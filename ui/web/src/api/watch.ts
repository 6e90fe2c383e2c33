/** One stream per browser: the tab that holds the lock reads it and tells the others. */

export type Change = { topic: string; data: unknown };
export type Link = "live" | "lost";
type Told = { change: Change } | { link: Link };
type Listener = (told: Told) => void;

const CHANNEL = "armilla-watch";
/** Waits between two tries, in milliseconds: soon at first, never in step with everybody else. */
const pause = (tries: number) => Math.min(10_000, 500 * 2 ** tries) * (0.75 + Math.random() / 2);

class Watch {
  private readonly listeners = new Set<Listener>();
  private readonly channel = new BroadcastChannel(CHANNEL);
  private started = false;

  /** Tells of every change from now on; gives back how to stop. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    if (!this.started) this.start();
    return () => this.listeners.delete(listener);
  }

  private start() {
    this.started = true;
    this.channel.onmessage = (message: MessageEvent<Told>) => this.tell(message.data);
    void navigator.locks.request(CHANNEL, () => this.lead());
  }

  private tell(told: Told) {
    for (const listener of this.listeners) listener(told);
  }

  private tellAll(told: Told) {
    this.tell(told);
    this.channel.postMessage(told);
  }

  /** Never ends: the lock goes to another tab when this one is closed. */
  private async lead(): Promise<never> {
    let last: string | undefined;
    for (let tries = 0; ; tries += 1) {
      await new Promise<void>((lost) => {
        // The browser sends `Last-Event-ID` only on its own reconnections; after ours it travels in the query.
        const from = last ? `&lastEventId=${encodeURIComponent(last)}` : "";
        const source = new EventSource(`/api/v1/watch?topics=all${from}`);
        source.onopen = () => {
          tries = 0;
          this.tellAll({ link: "live" });
        };
        const take = (event: MessageEvent<string>) => {
          if (event.lastEventId) last = event.lastEventId;
          if (event.data) this.tellAll({ change: { topic: event.type, data: JSON.parse(event.data) } });
        };
        source.onmessage = take;
        for (const topic of ["event", "progress", "change"]) source.addEventListener(topic, take);
        source.addEventListener("bookmark", (event) => (last = event.lastEventId || last));
        source.onerror = () => {
          source.close();
          this.tellAll({ link: "lost" });
          lost();
        };
      });
      await new Promise((wake) => setTimeout(wake, pause(tries)));
    }
  }
}

export const watch = new Watch();
