/**
 * The draft of a site on the server. What is typed is kept there within a second, on the revision that it was typed upon: of
 * two who write at once, the second is told and loses nothing.
 */
import { useCallback, useEffect, useRef, useState } from "react";
import { api } from "../../api/client";
import { queries, useRead } from "../../api/data";
import { settle, Trouble } from "../../api/problem";
import { readDraft, type Draft } from "./kept";

/** How the draft on the server stands to what is on the screen. */
export type Keeping = { state: "kept" } | { state: "keeping" } | { state: "waiting" } | { state: "clash"; by: string; error?: Error } | { state: "refused"; error: Trouble };

const path = (site: string) => ({ path: { name: site } });
/** After the last key press, and before another try, in milliseconds. */
const SOON = 400;
const AGAIN = 2000;

/** The server keeps any object. */
const bodyOf = (draft: Draft) => ({ content: draft as object as Record<string, never> });

export async function beginDraft(site: string, draft: Draft): Promise<void> {
  await settle(api.PUT("/api/v1/sites/{name}/draft", { params: path(site), body: bodyOf(draft) }));
}

export function useDraft(site: string) {
  const read = useRead(["drafts", site], () => api.GET("/api/v1/sites/{name}/draft", { params: path(site) }));
  const [draft, setDraft] = useState<Draft>();
  const [keeping, setKeeping] = useState<Keeping>({ state: "kept" });
  /** The revision that the screen began from, and what of it is not kept yet. */
  const at = useRef<{ revision: number; dirty: Draft | undefined; busy: boolean }>({ revision: -1, dirty: undefined, busy: false });

  const theirs = read.data;
  useEffect(() => {
    if (!theirs || at.current.dirty || at.current.busy || theirs.revision <= at.current.revision) return;
    at.current.revision = theirs.revision;
    setDraft(readDraft(theirs.content));
  }, [theirs]);

  const keep = useCallback(async (keepalive = false) => {
    const now = at.current;
    const content = now.dirty;
    if (!content || now.busy) return;
    now.busy = true;
    setKeeping({ state: "keeping" });
    try {
      const headers = { "If-Match": `"${now.revision}"` };
      const { body } = await settle(api.PUT("/api/v1/sites/{name}/draft", { params: path(site), body: bodyOf(content), headers, keepalive }));
      now.revision = body?.revision ?? now.revision;
      if (now.dirty === content) now.dirty = undefined;
      setKeeping({ state: "kept" });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (error.kind === "stale" || error.kind === "not-found") {
        const other = await queries.fetchQuery({ queryKey: ["drafts", site, "other"], staleTime: 0, retry: false, queryFn: async () => (await settle(api.GET("/api/v1/sites/{name}/draft", { params: path(site) }))).body }).catch(() => undefined);
        setKeeping({ state: "clash", by: other?.by ?? "" });
      } else if (error.problem.status === 422 || error.problem.status === 413) setKeeping({ state: "refused", error });
      else setKeeping({ state: "waiting" });
    } finally {
      now.busy = false;
    }
  }, [site]);

  // What is not kept is tried again: after a moment without keys, and as long as there is no answer.
  useEffect(() => {
    if (!at.current.dirty || keeping.state === "clash" || keeping.state === "refused") return;
    const timer = setTimeout(() => void keep(), keeping.state === "waiting" ? AGAIN : SOON);
    return () => clearTimeout(timer);
  }, [draft, keeping, keep]);
  useEffect(() => () => void keep(), [keep]);
  // A page that goes away sends what is left; browsers let 64 KiB outlive it.
  useEffect(() => {
    const leave = () => void keep(true);
    window.addEventListener("pagehide", leave);
    return () => window.removeEventListener("pagehide", leave);
  }, [keep]);

  const change = useCallback((part: Partial<Draft>) => {
    setDraft((now) => {
      if (!now) return now;
      const next = { ...now, ...part };
      at.current.dirty = next;
      return next;
    });
    // Not kept from this key press on: nobody leaves because of a word that is not true yet.
    setKeeping((now) => (now.state === "refused" || now.state === "kept" ? { state: "keeping" } : now));
  }, []);

  /** After a clash: the other's draft comes to the screen, or this one over theirs. */
  const settleClash = useCallback(async (whose: "theirs" | "mine") => {
    const { body } = await settle(api.GET("/api/v1/sites/{name}/draft", { params: path(site) }));
    at.current.revision = body.revision;
    if (whose === "theirs") {
      at.current.dirty = undefined;
      setDraft(readDraft(body.content));
    }
    setKeeping({ state: "kept" });
  }, [site]);

  return { draft, change, keeping, settleClash, error: read.error, retry: () => void read.refetch() };
}
