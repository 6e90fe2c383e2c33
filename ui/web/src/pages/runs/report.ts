/** The record of a run, to be kept: everything as JSON, and for people one HTML file that needs nothing else and prints well. */
import { locale, type Text } from "../../i18n";
import { duration, moment } from "../../kit/format";
import { save } from "../../kit/save";
import type { Of } from "../../api/client";
import { type Say } from "../../said";
import type { View } from "./fold";
import { sinceStart, ticks, type Row } from "../../parts/gantt/bars";
import type { Plan, Record_ } from "./model";
import { intentOf, label } from "./steps";
import { told } from "./words";

export type Whole = { run: Pick<Of<"WholeRun">, "id" | "site" | "plan" | "state" | "startedAt">; plan: Plan; view: View; records: readonly Record_[]; rows: Row[] };

export function json({ run, plan, view, records }: Whole): string {
  const steps = plan.steps.map(({ id, host, phase, action, after }) => ({ id, host, phase, kind: action.kind, after, ...view.steps.get(id) }));
  const { site, release, intent, report } = plan;
  const told = { id: run.id, site, plan: { id: plan.id, release, intent, report }, state: view.outcome ?? "open", startedAt: view.startedAt, endedAt: view.endedAt };
  return JSON.stringify({ format: 1, ...told, dropped: Object.fromEntries(view.dropped), steps, events: records }, null, 2);
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);

/** Literals stay as they are, values are escaped; `raw` is HTML already. */
function html(parts: TemplateStringsArray, ...values: (string | number | { raw: string })[]): string {
  return parts.reduce((all, part, at) => {
    const value = values[at];
    return all + part + (value === undefined ? "" : typeof value === "object" ? value.raw : escaped(String(value)));
  }, "");
}
const raw = (parts: string[]) => ({ raw: parts.join("\n") });

export function page(whole: Whole, t: Text, say: Say, language: string): string {
  const { run, plan, view, records, rows } = whole;
  const ended = view.endedAt ?? view.lastAt;
  const started = view.startedAt ?? run.startedAt;
  const facts: [string, string][] = [
    [t("runs.state"), t(`runs.state.${view.outcome ?? "open"}`)],
    [t("runs.intent"), t(`runs.intent.${intentOf(plan)}`, { release: plan.release, hosts: typeof plan.intent === "string" ? "" : plan.intent.resetHosts.join(", ") })],
    [t("runs.started"), moment(started, locale())],
    [t("runs.took"), duration(ended - started, locale())],
    [t("runs.plan"), plan.id],
  ];
  const failures = [...view.steps].flatMap(([id, { failure }]) => (failure ? [{ id, failure }] : []));
  const steps = plan.steps.map((step) => {
    const known = view.steps.get(step.id);
    const took = known?.endedAt === undefined ? "–" : duration(known.endedAt - known.startedAt, locale());
    const state = known ? t(`runs.step.${known.state}`) : t("parts.bar.never");
    return html`<tr class="${known?.state ?? "never"}"><td>${step.host}</td><td>${t(`parts.phase.${step.phase}`)}</td><td>${label(step.action, t, say)}</td><td>${state}</td><td class="num">${took}</td></tr>`;
  });
  const title = t("runs.one", { id: run.id, site: run.site });
  return html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><title>${title}</title><style>${raw([STYLE])}</style></head><body>
<h1>${title}</h1>
<dl>${raw(facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`))}</dl>
${raw(failures.map(({ id, failure }) => html`<section class="failure"><h2>${id}</h2><p>${t("runs.failedTo", { what: say(failure.what) })}</p><pre>${failure.evidence.join("\n")}</pre><p>${failure.hint ? t("runs.hint", { hint: say(failure.hint) }) : ""}</p></section>`))}
<h2>${t("runs.hostsAndPhases")}</h2>
${{ raw: picture(rows, started, ended, t) }}
<h2>${t("runs.steps")}</h2>
<table><thead><tr><th>${t("runs.host")}</th><th>${t("runs.facet.phase")}</th><th>${t("runs.step")}</th><th>${t("runs.state")}</th><th class="num">${t("runs.took")}</th></tr></thead><tbody>
${raw(steps)}
</tbody></table>
<h2>${t("runs.log")}</h2>
<pre>${records.map((record) => `${new Date(record.at).toISOString()}  ${told(record, t, say)}`).join("\n")}</pre>
</body></html>
`;
}

const [LEFT, WIDE, LANE] = [120, 860, 20];

/** The same picture as on the page, without colours of a theme. */
function picture(rows: Row[], from: number, to: number, t: Text): string {
  const marks = ticks(to - from, 10);
  const scale = (WIDE - LEFT) / (marks.at(-1) ?? 1);
  let top = 24;
  const drawn = rows.map(({ host, bars, lanes }) => {
    const y = top;
    top += lanes * LANE + 6;
    const blocks = bars.filter((bar) => bar.state !== "never").map((bar) => {
      const x = LEFT + (bar.from - from) * scale;
      const width = Math.max(2, (bar.to - bar.from) * scale);
      const phase = t(`parts.phase.${bar.phase}`);
      const text = width > phase.length * 8 + 8 ? html`<text x="${x + 4}" y="${y + bar.lane * LANE + 13}">${phase}</text>` : "";
      return html`<rect class="${bar.state}" x="${x}" y="${y + bar.lane * LANE}" width="${width}" height="${LANE - 3}"><title>${phase}</title></rect>${{ raw: text }}`;
    });
    return html`<text x="0" y="${y + 13}">${host}</text>${raw(blocks)}`;
  });
  const axis = marks.map((mark) => html`<text class="mark" x="${LEFT + mark * scale}" y="12">${sinceStart(mark)}</text><line x1="${LEFT + mark * scale}" x2="${LEFT + mark * scale}" y1="16" y2="${top}"/>`);
  return html`<svg viewBox="0 0 ${WIDE + 24} ${top}" role="img" aria-label="${t("runs.hostsAndPhases")}">${raw(axis)}${raw(drawn)}</svg>`;
}

const STYLE = `body{font:14px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;color:#14202e;max-width:1000px;margin:24px auto;padding:0 16px}
h1{font-size:20px}h2{font-size:16px;margin:24px 0 8px}dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:8px}dt{font-size:12px;color:#52606f}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;padding:3px 8px;border-bottom:1px solid #d3d9e1}.num{text-align:right;font-variant-numeric:tabular-nums}
tr.failed td{color:#b3261e;font-weight:600}tr.never td{color:#52606f}.failure{border-left:4px solid #b3261e;padding-left:12px}pre{background:#eceff3;padding:8px 12px;font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}
svg{width:100%;font-size:12px}svg line{stroke:#d3d9e1}svg .mark{fill:#52606f;text-anchor:middle}rect{stroke:#2e9e68;fill:#cfe8db}rect.failed{fill:#b3261e;stroke:#b3261e}rect.running{fill:#1b5fa8;stroke:#1b5fa8}rect.waiting,rect.stopped{fill:none;stroke:#8794a2;stroke-dasharray:3 2}
@media print{body{margin:0}rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}tr,section{break-inside:avoid}}`;

/** What can be taken along. */
export function downloads(whole: Whole, t: Text, say: Say): { name: string; text: string; save: () => void }[] {
  const name = `${whole.run.site}-${whole.run.id}`;
  return [
    { name: "HTML", text: t("runs.reportHtml"), save: () => file(`${name}.html`, "text/html", page(whole, t, say, document.documentElement.lang)) },
    { name: "JSON", text: t("runs.reportJson"), save: () => file(`${name}.json`, "application/json", json(whole)) },
  ];
}

const file = (name: string, type: string, content: string): void => save(name, new Blob([content], { type }));
