import type { Item } from "../../api/client";
import { useText } from "../../i18n";
import { State, type Tone } from "../../kit";

type Run = Pick<Item<"List_Run">, "state" | "live" | "held">;

export const TONES: Record<string, Tone> = { healthy: "ok", degraded: "warn", failed: "bad", cancelled: "wait", abandoned: "wait" };

/** How a run stands, in one word. An open one that nobody performs says whether it waits for a person. */
export function RunState({ run }: { run: Run }) {
  const t = useText();
  if (run.state !== "open") return <State tone={TONES[run.state] ?? "wait"}>{t(`runs.state.${run.state}`)}</State>;
  if (run.held) return <State tone="warn">{t("runs.state.held")}</State>;
  return run.live ? <State tone="run">{t("runs.state.live")}</State> : <State tone="wait">{t("runs.state.open")}</State>;
}
