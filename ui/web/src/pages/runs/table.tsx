import { useText } from "../../i18n";
import { Ago, DataGrid, State, Took, type Column, type Tone } from "../../kit";
import type { Bar, BarState, Row } from "../../parts/gantt/bars";

const TONES: Record<BarState, Tone> = { done: "ok", running: "run", failed: "bad", waiting: "wait", stopped: "warn", never: "wait", planned: "wait" };

/** The picture's twin: the same bars, a row each. */
export function BarTable({ rows, open }: { rows: Row[]; open: (bar: Bar) => void }) {
  const t = useText();
  const bars = rows.flatMap((row) => row.bars);
  const begun = ({ state }: Bar) => state !== "waiting" && state !== "never";
  const columns: Column<Bar>[] = [
    { id: "host", title: t("runs.host"), width: 120, grow: 2, cell: ({ host }) => host },
    { id: "phase", title: t("runs.facet.phase"), width: 110, cell: (bar) => <button type="button" className="link" onClick={() => open(bar)}>{t(`parts.phase.${bar.phase}`)}</button> },
    { id: "state", title: t("runs.state"), width: 130, cell: ({ state }) => <State tone={TONES[state]}>{t(`parts.bar.${state}`)}</State> },
    { id: "steps", title: t("runs.steps"), width: 80, number: true, cell: ({ done, steps }) => `${done}/${steps.length}` },
    { id: "started", title: t("runs.started"), width: 110, cell: (bar) => <Ago at={begun(bar) ? bar.from : undefined} /> },
    { id: "took", title: t("runs.took"), width: 140, number: true, cell: (bar) => (begun(bar) ? <Took from={bar.from} to={bar.state === "running" ? undefined : bar.to} /> : "–") },
  ];
  return <DataGrid label={t("runs.hostsAndPhases")} columns={columns} list={{ rows: bars }} rowId={({ host, phase }) => `${host}/${phase}`} empty={null} />;
}
