import { useSyncExternalStore } from "react";
import { locale, useText } from "../i18n";
import { bytes, clock, duration, moment, relative } from "./format";

const listeners = new Set<() => void>();
let now = Date.now();
setInterval(() => {
  now = Date.now();
  for (const listener of listeners) listener();
}, 1000);
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** The time in Unix milliseconds, to the second; one clock for the whole page. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** "3 min ago", with the exact time on hover. In Unix milliseconds; nothing known is "–". */
export function Ago({ at }: { at: number | null | undefined }) {
  const t = useText();
  if (at == null) return <span title={t("kit.unknown")}>–</span>;
  return <Relative at={at} />;
}

function Relative({ at }: { at: number }) {
  // Seconds are not counted aloud: the text is drawn anew when it says something else.
  const text = useSyncExternalStore(subscribe, () => relative(at, Math.max(now, at), locale()));
  return <time dateTime={new Date(at).toISOString()} title={moment(at, locale())}>{text}</time>;
}

/** How long something took, or takes so far. In Unix milliseconds. */
export function Took({ from, to }: { from: number; to: number | null | undefined }) {
  const text = useSyncExternalStore(subscribe, () => duration(Math.max(0, (to ?? now) - from), locale()));
  return <span className="num">{text}</span>;
}

/** A size with its unit drawn quieter. */
export function Bytes({ count }: { count: number | null | undefined }) {
  const t = useText();
  if (count == null) return <span title={t("kit.unknown")}>–</span>;
  const [value, unit] = bytes(count, locale());
  return <span className="num">{value} <span className="unit">{unit}</span></span>;
}

/** What is shown is of this time, and may be other now. */
export function Stale({ at }: { at: number }) {
  const t = useText();
  return <span className="stale" title={moment(at, locale())}>{t("kit.asOf", { time: clock(at, locale()) })}</span>;
}
