/** How something stands. Colour never says it alone: each tone has its sign. */
export type Tone = "ok" | "run" | "bad" | "warn" | "wait" | "note";

const SIGNS: Record<Tone, string> = { ok: "✓", run: "▸", bad: "✕", warn: "!", wait: "○", note: "i" };

export function State({ tone, children }: { tone: Tone; children: string }) {
  return (
    <span className={`state state-${tone}`}>
      <span aria-hidden="true">{SIGNS[tone]}</span> {children}
    </span>
  );
}
