/** What the server says, in the reader's language. Texts of hosts (output, names, log lines) do not come here. */
import { useLingui } from "@lingui/react";
import { useSyncExternalStore } from "react";
import type { Say } from "./said";

export type { Say };

const asIs: Say = (text) => text;
let chinese: Say | undefined;
let asked: Promise<void> | undefined;
const waiting = new Set<() => void>();

function subscribe(redraw: () => void): () => void {
  waiting.add(redraw);
  return () => waiting.delete(redraw);
}

/** Asks for the Chinese once; a link that breaks meanwhile is tried again with the next sentence. */
function fetched(): Say {
  asked ??= import("./catalog")
    .then(({ say }) => {
      chinese = say;
      for (const redraw of waiting) redraw();
    })
    .catch(() => (asked = undefined));
  return chinese ?? asIs;
}

/** Sentences of the server; drawn anew when the language changes, and when its sentences have arrived. */
export function useSaid(): Say {
  const { i18n } = useLingui();
  const wanted = i18n.locale === "zh";
  return useSyncExternalStore(subscribe, () => (wanted ? fetched() : asIs));
}
