/** Keys that work on every page: Ctrl+K or ⌘K, `/`, `?`, and `g` followed by the letter of a page. */
import { useEffect } from "react";

export type Key = { kind: "palette" } | { kind: "help" } | { kind: "filter" } | { kind: "go"; letter: string };

/** Where `g` and a letter lead. */
export const LETTERS: Record<string, string> = { d: "/", r: "/runs", b: "/bundles", c: "/clusters", u: "/users", a: "/audit", h: "/hosts", t: "/tokens", s: "/settings", i: "/install" };

/** How long a letter may come after `g`, in milliseconds. */
const PATIENCE = 1200;

/** What a pressed key means; `goAt` is when `g` was pressed last. Pure, so that it can be tested. */
export function meaning(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">, typing: boolean, sinceGo: number): Key | undefined {
  const { key, ctrlKey, metaKey, altKey } = event;
  if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === "k") return { kind: "palette" };
  if (typing || ctrlKey || metaKey || altKey) return undefined;
  if (sinceGo < PATIENCE && key in LETTERS) return { kind: "go", letter: key };
  if (key === "?") return { kind: "help" };
  if (key === "/") return { kind: "filter" };
  return undefined;
}

export function useKeys(act: (key: Key) => void): void {
  useEffect(() => {
    let wentAt = -Infinity;
    const press = (event: KeyboardEvent) => {
      const target = event.target;
      const typing = target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select, .xterm *"));
      // What is asked stands before every way elsewhere.
      if (document.querySelector("[role=dialog]")) return;
      const key = meaning(event, typing, event.timeStamp - wentAt);
      wentAt = !typing && event.key === "g" ? event.timeStamp : -Infinity;
      if (!key) return;
      event.preventDefault();
      act(key);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [act]);
}
