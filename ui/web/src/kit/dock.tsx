import { useState, useSyncExternalStore, type ReactNode } from "react";
import { useText } from "../i18n";
import { Button } from "./button";

/** One thing in the dock: a log, a terminal. */
type Docked = { id: string; title: string; content: ReactNode };

let docked: readonly Docked[] = [];
let front: string | undefined;
/** What was pressed to put each into the dock. */
const openers = new Map<string, Element | null>();
const listeners = new Set<() => void>();
const change = (next: readonly Docked[], toFront: string | undefined) => {
  docked = next;
  front = toFront;
  for (const listener of listeners) listener();
};
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** Puts something into the dock, or brings it to the front: it stays while one walks from page to page. */
export function dock(what: Docked): void {
  openers.set(what.id, document.activeElement);
  const others = docked.filter(({ id }) => id !== what.id);
  change(others.length === docked.length ? [...docked, what] : docked, what.id);
}

export function undock(id: string): void {
  const rest = docked.filter((each) => each.id !== id);
  change(rest, front === id ? rest.at(-1)?.id : front);
}

/** As `undock`; the focus goes back to where it was, or to the page. */
function close(id: string): void {
  const opener = openers.get(id);
  undock(id);
  const target = opener instanceof HTMLElement && opener.isConnected ? opener : document.getElementById("main");
  target?.focus();
}

/** At the bottom of the window, under every page. What lies behind goes on unseen. */
export function Dock() {
  const t = useText();
  const all = useSyncExternalStore(subscribe, () => docked);
  const shown = useSyncExternalStore(subscribe, () => front);
  const [folded, fold] = useState(false);
  if (all.length === 0) return null;
  return (
    <section className={folded ? "dock folded" : "dock"} aria-label={t("kit.dock")}>
      <header className="dock-head">
        <div role="tablist" aria-label={t("kit.dock")}>
          {all.map(({ id, title }) => (
            <button key={id} type="button" role="tab" id={`dock-tab-${id}`} aria-controls={`dock-${id}`} aria-selected={id === shown} onClick={() => change(all, id)}>
              {title}
            </button>
          ))}
        </div>
        <Button kind="plain" onClick={() => fold(!folded)}>{t(folded ? "kit.unfold" : "kit.fold")}</Button>
        {shown && <Button kind="plain" onClick={() => close(shown)}>{t("kit.close")}</Button>}
      </header>
      {all.map(({ id, content }) => (
        <div key={id} id={`dock-${id}`} role="tabpanel" aria-labelledby={`dock-tab-${id}`} hidden={folded || id !== shown} className="dock-body">{content}</div>
      ))}
    </section>
  );
}
