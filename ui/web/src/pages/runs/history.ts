import { useQuery } from "@tanstack/react-query";
import { api } from "../../api/client";
import { filterValue } from "../../api/data";
import { settle } from "../../api/problem";
import type { History } from "./estimate";

/** Earlier runs that are looked at. */
const RUNS = 3;
const NONE: History = new Map();

/** A step as the server's view has it (`installer/model/src/view.rs`). */
type Stored = { state: unknown; started_at: number; ended_at: number | null };

/** How long each step of the site took the last time that it had something to do. In milliseconds. */
export function useHistory(site: string, run: string, before: number): History {
  const read = useQuery({
    queryKey: ["instance", "history", site, run],
    staleTime: Infinity,
    queryFn: async () => {
      const query = { filter: `site=${filterValue(site)}`, sort: "-startedAt", limit: 20 };
      const { items } = (await settle(api.GET("/api/v1/runs", { params: { query } }))).body;
      const earlier = items.filter((each) => each.id !== run && each.startedAt < before && each.endedAt != null).slice(0, RUNS);
      const took = new Map<string, number>();
      for (const { id } of earlier) {
        const whole = (await settle(api.GET("/api/v1/runs/{id}", { params: { path: { id } } }))).body;
        for (const [step, length] of tookOf(whole.view as { steps?: Record<string, Stored> })) if (!took.has(step)) took.set(step, length);
      }
      return took;
    },
  });
  return read.data ?? NONE;
}

/** A step that was met had nothing to do: it says nothing about how long it takes. */
export function tookOf(view: { steps?: Record<string, Stored> }): [string, number][] {
  return Object.entries(view.steps ?? {}).flatMap(([id, { state, started_at, ended_at }]) =>
    state === "done" && ended_at !== null ? [[id, ended_at - started_at] as [string, number]] : [],
  );
}
