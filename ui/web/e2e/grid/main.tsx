/** The product's grid alone, before as many rows as the address says, 200 of them another one each second. */
import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { activate } from "../../src/i18n";
import { DataGrid, State, type Column } from "../../src/kit";
import "../../src/kit/base";
import "../../src/kit/tokens.css";
import "../../src/kit/kit.css";

type Row = { id: number; site: string; state: "ok" | "bad"; cpu: number; changed: number };
const ROWS = Number(new URLSearchParams(window.location.search).get("rows") ?? 10_000);
const A_SECOND = 200;

const columns: Column<Row>[] = [
  { id: "name", title: "Name", width: 120, cell: ({ id }) => <a href={`#${id}`}>{`host-${id}`}</a> },
  { id: "site", title: "Site", width: 120, cell: ({ site }) => site },
  { id: "state", title: "State", width: 120, cell: ({ state }) => <State tone={state}>{state}</State> },
  { id: "cpu", title: "CPU", width: 80, number: true, cell: ({ cpu }) => `${cpu} %` },
  { id: "address", title: "Address", width: 140, cell: ({ id }) => <span className="mono">{`10.${id >> 16}.${(id >> 8) & 255}.${id & 255}`}</span> },
  { id: "changed", title: "Changed", width: 100, number: true, cell: ({ changed }) => changed },
];
const name = ({ id }: Row) => String(id);

function Grid() {
  const [rows, setRows] = useState<Row[]>(() => Array.from({ length: ROWS }, (_, id) => ({ id, site: `site-${id % 40}`, state: "ok" as const, cpu: id % 100, changed: 0 })));
  useEffect(() => {
    const began = performance.now();
    let done = 0;
    let frame = 0;
    // What came since the last frame is drawn with the next one, as a page does with what the stream tells.
    const tell = () => {
      frame = requestAnimationFrame(tell);
      const due = Math.floor(((performance.now() - began) * A_SECOND) / 1000);
      if (due === done) return;
      const from = done;
      done = due;
      setRows((before) => {
        const next = before.slice();
        for (let n = from; n < due; n += 1) {
          const at = (n * 7919) % ROWS;
          const row = next[at];
          if (row) next[at] = { ...row, state: row.state === "ok" ? "bad" : "ok", cpu: (row.cpu + 13) % 100, changed: row.changed + 1 };
        }
        return next;
      });
      document.body.dataset.updates = String(due);
    };
    frame = requestAnimationFrame(tell);
    return () => cancelAnimationFrame(frame);
  }, []);
  return <DataGrid label="Hosts" columns={columns} list={{ rows }} rowId={name} empty={null} />;
}

await activate("en");
const root = document.getElementById("root");
if (root) createRoot(root).render(<I18nProvider i18n={i18n}><Grid /></I18nProvider>);
