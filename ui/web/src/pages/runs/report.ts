/** The record of a run, to be kept: everything as JSON, and for people one HTML file that needs nothing else and prints well. */
import { locale, type Text } from "../../i18n";
import { duration, moment } from "../../kit/format";
import { save } from "../../kit/save";
import type { Of } from "../../api/client";
import { type Say } from "../../said";
import type { View } from "./fold";
import { SIGNS, sinceStart, ticks, wide, type Bar, type Row } from "../../parts/gantt/bars";
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
  const running = rows.flatMap(({ bars }) => bars.filter(({ state }) => state === "running"));
  const ended = view.endedAt ?? Math.max(view.lastAt, ...running.map(({ to }) => to));
  const started = view.startedAt ?? run.startedAt;
  const facts: [string, string][] = [
    [t("runs.state"), t(`runs.state.${view.outcome ?? (running.length > 0 ? "live" : "open")}`)],
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
${raw(failures.map(({ id, failure }) => html`<section class="failure"><h2>${id}</h2><p>${t("runs.failedTo", { what: say(failure.what) })}</p>${{ raw: failure.evidence.length > 0 ? html`<pre>${failure.evidence.join("\n")}</pre>` : "" }}<p>${failure.hint ? t("runs.hint", { hint: say(failure.hint) }) : ""}</p></section>`))}
<h2>${t("runs.hostsAndPhases")}</h2>
${{ raw: picture(whole, started, ended, t) }}
${{ raw: legend(t) }}
<h2>${t("runs.steps")}</h2>
<table><thead><tr><th>${t("runs.host")}</th><th>${t("runs.facet.phase")}</th><th>${t("runs.step")}</th><th>${t("runs.state")}</th><th class="num">${t("runs.took")}</th></tr></thead><tbody>
${raw(steps)}
</tbody></table>
<h2>${t("runs.log")}</h2>
<pre>${records.map((record) => `${new Date(record.at).toISOString()}  ${told(record, t, say)}`).join("\n")}</pre>
</body></html>
`;
}

const [LEFT, CHART, END, LANE, PAD] = [120, 700, 200, 22, 5];

/** The same picture as on the page, on white paper: rows by host, one axis of time, and at a row's end how it stands. */
function picture({ rows, view, run }: Whole, from: number, to: number, t: Text): string {
  const last = Math.max(to, ...rows.flatMap(({ bars }) => bars.map((bar) => bar.to)));
  const marks = ticks(last - from, 8);
  const scale = CHART / (marks.at(-1) ?? 1);
  let top = 24;
  const drawn = rows.map((row) => {
    const y = top;
    top += row.lanes * LANE + 2 * PAD;
    const middle = (y + top) / 2 + 4;
    const blocks = row.bars.filter((bar) => bar.state !== "never").map((bar) => block(bar, LEFT + (bar.from - from) * scale, y + PAD + bar.lane * LANE, Math.max(4, (bar.to - bar.from) * scale), t));
    const end = view.dropped.get(row.host);
    const stands = end ? t("runs.droppedOut", { step: end }) : row.done === row.steps ? t("runs.ready") : "";
    return html`<line class="row" x1="0" x2="${LEFT + CHART + END}" y1="${top}" y2="${top}"/><text x="0" y="${middle}"><tspan class="host">${row.host}</tspan> <tspan class="mark">${row.done}/${row.steps}</tspan></text>${raw(blocks)}<text class="${end ? "lost" : "mark"}" x="${LEFT + CHART + 12}" y="${middle}">${cut(stands)}<title>${stands}</title></text>`;
  });
  const place = (at: number) => (at === 0 ? "start" : at === marks.at(-1) ? "end" : "middle");
  const axis = marks.map((mark) => html`<text class="mark" text-anchor="${place(mark)}" x="${LEFT + mark * scale}" y="14">${sinceStart(mark)}</text><line x1="${LEFT + mark * scale}" x2="${LEFT + mark * scale}" y1="20" y2="${top}"/>`);
  const now = run.state === "open" && view.outcome === undefined ? html`<line class="now" x1="${LEFT + (to - from) * scale}" x2="${LEFT + (to - from) * scale}" y1="20" y2="${top}"/>` : "";
  return html`<svg viewBox="0 0 ${LEFT + CHART + END} ${top + 1}" role="img" aria-label="${t("runs.hostsAndPhases")}">${{ raw: PATTERNS }}${raw(axis)}${raw(drawn)}${{ raw: now }}</svg>`;
}

/** What fits beside a row; the whole of it is its title. */
const cut = (text: string): string => {
  const fits = [...text].filter((_, at, all) => wide(all.slice(0, at + 1).join("")) < END - 24).join("");
  return fits === text ? text : `${fits}…`;
};

function block(bar: Bar, x: number, y: number, width: number, t: Text): string {
  const phase = t(`parts.phase.${bar.phase}`);
  const said = [`${SIGNS[bar.state]} ${phase}`, SIGNS[bar.state]].find((text) => wide(text) < width - 8) ?? "";
  const size = html`x="${x}" y="${y}" width="${width}" height="${LANE - 3}" rx="2"`;
  const loud = bar.state === "failed" ? html`<rect class="loud" ${{ raw: size }}/>` : "";
  return html`<g class="${bar.state}"><title>${phase} ${t(`parts.bar.${bar.state}`)}</title><rect class="${bar.state}" ${{ raw: size }}/>${{ raw: loud }}<text x="${x + 5}" y="${y + 14}">${said}</text></g>`;
}

const PATTERNS = `<defs><pattern id="waits" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line y2="6" stroke="#8794a2" stroke-width="1.5"/></pattern><pattern id="fails" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><line y2="7" stroke="#fff" stroke-width="2" opacity=".35"/></pattern></defs>`;

/** The states of the picture, as under the one on the page. */
const legend = (t: Text): string =>
  html`<p class="legend">${raw((["done", "running", "waiting", "failed", "stopped", "never"] as const).map((state) => html`<span>${SIGNS[state]} ${t(`parts.bar.${state}`)}</span>`))}</p>`;

const STYLE = `body{font:14px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;color:#14202e;max-width:1100px;margin:24px auto;padding:0 16px}
h1{font-size:20px}h2{font-size:16px;margin:24px 0 8px}dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:8px}dt{font-size:12px;color:#52606f}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;padding:3px 8px;border-bottom:1px solid #d3d9e1}.num{text-align:right;font-variant-numeric:tabular-nums}
tr.failed td{color:#b3261e;font-weight:600}tr.never td{color:#52606f}.failure{border-left:4px solid #b3261e;padding-left:12px}pre{background:#eceff3;padding:8px 12px;font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}
svg{width:100%;font-size:12px}svg line{stroke:#d3d9e1}svg text{fill:#14202e}svg .mark{fill:#52606f}svg .host{font-weight:600}svg .lost{fill:#b3261e;font-weight:600}svg .now{stroke:#8a5a00;stroke-width:2}rect{stroke:#2e9e68;fill:#cfe8db}
rect.failed{fill:#b3261e;stroke:#b3261e}rect.loud{fill:url(#fails);stroke:none}rect.running{fill:#1b5fa8;stroke:#1b5fa8}g.failed text,g.running text{fill:#fff;font-weight:600}rect.waiting{fill:url(#waits);stroke:#8794a2;stroke-dasharray:3 2}rect.stopped{fill:#eceff3;stroke:#8794a2}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:12px;color:#52606f}
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
