import { useEffect, useRef, useState } from "react";
import { Trouble, unreachable } from "../../api/problem";
import { Log, type Line } from "./log";

export type LogWish = { site: string; namespace: string; pod: string; container: string; previous: boolean; follow: boolean; tail?: number };

/** Between two drawings, and between two tries when the log ended or was cut, in milliseconds. */
const DRAW = 100;
const AGAIN = 4000;

export type Reading = { lines: readonly Line[]; dropped: number; state: "reading" | "live" | "ended"; trouble: Error | undefined };

/**
 * A container's log as it is written. A connection that is cut, and a container that starts anew, are gone on from after the last
 * line that came: lines carry the time at which they were written.
 */
export function useLog({ site, namespace, pod, container, previous, follow, tail = 1000 }: LogWish): Reading & { clear: () => void } {
  const log = useRef(new Log());
  const [reading, setReading] = useState<Reading>({ lines: [], dropped: 0, state: "reading", trouble: undefined });
  useEffect(() => {
    log.current = new Log();
    const stop = new AbortController();
    const part = encodeURIComponent;
    const path = `/api/v1/clusters/${part(site)}/pods/${part(namespace)}/${part(pod)}/log`;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (state: Reading["state"], trouble?: Error) => {
      clearTimeout(timer);
      timer = undefined;
      if (!stop.signal.aborted) setReading({ lines: [...log.current.lines], dropped: log.current.dropped, state, trouble });
    };
    const soon = () => (timer ??= setTimeout(() => show(follow ? "live" : "reading"), DRAW));
    const read = async () => {
      const after = log.current.last;
      const query = new URLSearchParams({ container, timestamps: "true", previous: String(previous), follow: String(follow) });
      query.set("tail", String(after ? 100_000 : tail));
      if (after) query.set("since", String(Math.max(1, Math.ceil((Date.now() - Date.parse(after)) / 1000) + 2)));
      const response = await fetch(`${path}?${query}`, { signal: stop.signal, cache: "no-store" });
      if (!response.ok || !response.body) throw await problemOf(response);
      if (follow) show("live");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        log.current.take(piece.value, after);
        soon();
      }
      log.current.end();
    };
    const go = async () => {
      while (!stop.signal.aborted) {
        const trouble = await read().then(() => undefined, (error: unknown) => (error instanceof Trouble ? error : unreachable()));
        show("ended", trouble);
        if (!follow) return;
        await new Promise((wake) => setTimeout(wake, AGAIN));
      }
    };
    setReading({ lines: [], dropped: 0, state: "reading", trouble: undefined });
    void go();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [site, namespace, pod, container, previous, follow, tail]);
  const clear = () => {
    log.current.lines = [];
    setReading((before) => ({ ...before, lines: [] }));
  };
  return { ...reading, clear };
}

async function problemOf(response: Response): Promise<Trouble> {
  const said: unknown = await response.json().catch(() => undefined);
  const isProblem = typeof said === "object" && said !== null && "title" in said;
  return isProblem ? new Trouble(said as Trouble["problem"]) : unreachable(response.status);
}
