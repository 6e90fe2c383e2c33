import { useState } from "react";
import { locale, useText } from "../../i18n";
import { bytes, Button, DataGrid, Drawer, duration, Section, State, type Column } from "../../kit";
import type { Ahead } from "../../parts/gantt/ahead";
import { sinceStart, type Bar } from "../../parts/gantt/bars";
import { Gantt } from "../../parts/gantt/gantt";
import { plain } from "../../parts/plan/durations";

type Props = {
  ahead: Ahead;
  /** How many times as long as on plain hosts a step takes here. */
  pace: number;
  /** Bytes that each host is sent at most. */
  sends: ReadonlyMap<string, number>;
};

/** The run as it is expected, drawn as the run's own page will draw it; the longest way through it is outlined. */
export function Predicted({ ahead: { rows, end }, pace, sends }: Props) {
  const t = useText();
  const [asTable, setAsTable] = useState(false);
  const [open, setOpen] = useState<Bar>();
  const sent = (host: string) => bytes(sends.get(host) ?? 0, locale()).join(" ");
  return (
    <Section title={t("install.predicted")} actions={<Button onClick={() => setAsTable(!asTable)}>{t(asTable ? "install.asPicture" : "install.asTable")}</Button>}>
      {asTable ? <Bars bars={rows.flatMap(({ bars }) => bars)} open={setOpen} />
        : <Gantt rows={rows} from={0} to={end} ends={t("install.bytes")} doing={({ host }) => sent(host)} open={setOpen} />}
      <p className="muted">{t("install.predictedWhy")}</p>
      {open && (
        <Drawer title={`${open.host} · ${t(`parts.phase.${open.phase}`)}`} onClose={() => setOpen(undefined)}>
          <p>{t("parts.barPlanned", { host: open.host, phase: t(`parts.phase.${open.phase}`), took: duration(open.to - open.from, locale()), steps: open.steps.length, critical: open.critical ? "yes" : "no" })}</p>
          <ul className="report">
            {open.steps.map(({ id, action }) => <li key={id}><code>{id}</code> {duration(plain(action.kind) * pace, locale())}</li>)}
          </ul>
        </Drawer>
      )}
    </Section>
  );
}

/** The picture's twin: the same bars, a row each. */
function Bars({ bars, open }: { bars: Bar[]; open: (bar: Bar) => void }) {
  const t = useText();
  const columns: Column<Bar>[] = [
    { id: "host", title: t("install.host"), width: 120, grow: 1, cell: ({ host }) => host },
    { id: "phase", title: t("install.phase"), width: 120, cell: (bar) => <button type="button" className="link" onClick={() => open(bar)}>{t(`parts.phase.${bar.phase}`)}</button> },
    { id: "steps", title: t("install.stepsOfPlan"), width: 80, number: true, cell: ({ steps }) => String(steps.length) },
    { id: "from", title: t("install.begins"), width: 110, number: true, cell: ({ from }) => sinceStart(from) },
    { id: "took", title: t("install.estimate"), width: 140, number: true, cell: ({ from, to }) => duration(to - from, locale()) },
    { id: "critical", title: t("install.longestWay"), width: 120, cell: ({ critical }) => critical && <State tone="run">{t("install.onIt")}</State> },
  ];
  return <DataGrid label={t("install.predicted")} columns={columns} list={{ rows: bars }} rowId={({ host, phase }) => `${host}/${phase}`} empty={null} />;
}
