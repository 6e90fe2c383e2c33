import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type CSSProperties } from "react";
import { api, type Item, type Of } from "../../api/client";
import { useList, useRead } from "../../api/data";
import { locale, useText } from "../../i18n";
import { CopyAsCli, duration, EmptyState, moment, Page, Problem, Section, Select, Skeleton, Took } from "../../kit";
import { RunState } from "./state";
import { phases, steps, type Side, type Timed } from "./versus";
import "./list.css";

const route = getRouteApi("/inside/runs/compare");
type Run = Item<"List_Run">;
/** Steps that are shown. */
const MOST = 25;

/** Two runs side by side: where the time went, and which steps differ. */
export function Compare() {
  const t = useText();
  const search = route.useSearch();
  const navigate = useNavigate();
  const list = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { sort: "-startedAt" });
  const runs = list.rows;
  const a = search.a ?? runs?.[0]?.id;
  const b = search.b ?? earlier(runs ?? [], a);
  const set = (change: { a?: string; b?: string }) => void navigate({ to: "/runs/compare", search: { a, b, ...change }, replace: true });
  const options = (runs ?? []).map(({ id, site, startedAt }) => ({ value: id, label: `${id} · ${site} · ${moment(startedAt, locale())}` }));
  return (
    <Page title={t("runs.compareTwo")} lead={t("runs.compareLead")}>
      <Problem error={list.error} />
      {!runs && !list.error && <Skeleton />}
      {runs && runs.length < 2 && <EmptyState why={t("runs.compareNone")} />}
      {runs && runs.length >= 2 && (
        <>
          <div className="versus">
            <Select label={t("runs.first")} value={a ?? ""} onChange={(id) => set({ a: id })} options={options} />
            <Select label={t("runs.second")} value={b ?? ""} onChange={(id) => set({ b: id })} options={options} />
          </div>
          {a && b && <Both key={`${a} ${b}`} a={a} b={b} />}
        </>
      )}
    </Page>
  );
}

/** What a run is compared with when nobody says: the one of the same site before it. */
function earlier(runs: Run[], of: string | undefined): string | undefined {
  const at = runs.findIndex(({ id }) => id === of);
  const site = runs[at]?.site;
  return (runs.find((run, index) => index > at && run.site === site) ?? runs.find(({ id }) => id !== of))?.id;
}

type Stored = { steps?: Record<string, { started_at: number; ended_at: number | null }> };
const timed = (run: Of<"WholeRun">): Timed =>
  new Map(Object.entries((run.view as Stored).steps ?? {}).map(([id, { started_at, ended_at }]) => [id, { from: started_at, to: ended_at ?? undefined }]));

function Both({ a, b }: { a: string; b: string }) {
  const t = useText();
  const one = useRead(["runs", a], () => api.GET("/api/v1/runs/{id}", { params: { path: { id: a } } }));
  const two = useRead(["runs", b], () => api.GET("/api/v1/runs/{id}", { params: { path: { id: b } } }));
  if (!one.data || !two.data) return one.error ?? two.error ? <Problem error={one.error ?? two.error} /> : <Skeleton />;
  const [left, right] = [timed(one.data), timed(two.data)];
  const pairs = phases(left, right);
  const end = Math.max(1, ...pairs.flatMap((pair) => [pair.a?.to ?? 0, pair.b?.to ?? 0]));
  return (
    <>
      <div className="versus">
        {[one.data, two.data].map((run) => (
          <p key={run.id}><Link to="/runs/$id" params={{ id: run.id }}>{run.id}</Link> <RunState run={run} /> <Took from={run.startedAt} to={run.endedAt} /></p>
        ))}
      </div>
      <Section title={t("runs.byPhase")}>
        <div className="versus-box" tabIndex={0} role="group" aria-label={t("runs.byPhase")}>
          <table className="versus-grid">
            <thead><tr><th>{t("runs.facet.phase")}</th><th className="versus-wide">{t("runs.when")}</th><th className="num">{a}</th><th className="num">{b}</th><th className="num">{t("runs.difference")}</th></tr></thead>
            <tbody>
              {pairs.map((pair) => (
                <tr key={pair.phase}>
                  <td>{t(`parts.phase.${pair.phase}`)}</td>
                  <td><span className="track" aria-hidden="true"><Track side={pair.a} end={end} /><Track side={pair.b} end={end} /></span></td>
                  <Times a={long(pair.a)} b={long(pair.b)} />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Section>
      <Section title={t("runs.byStep")}>
        <div className="versus-box" tabIndex={0} role="group" aria-label={t("runs.byStep")}>
          <table className="versus-grid">
            <thead><tr><th>{t("runs.step")}</th><th className="num">{a}</th><th className="num">{b}</th><th className="num">{t("runs.difference")}</th></tr></thead>
            <tbody>{steps(left, right, MOST).map((pair) => <tr key={pair.step}><td><code>{pair.step}</code></td><Times a={pair.a} b={pair.b} /></tr>)}</tbody>
          </table>
        </div>
      </Section>
      <CopyAsCli command={`armilla run show ${a} -o json\narmilla run show ${b} -o json`} />
    </>
  );
}

const long = (side: Side | undefined) => (side ? side.to - side.from : undefined);

function Track({ side, end }: { side: Side | undefined; end: number }) {
  const share = (value: number) => `${(100 * value) / end}%`;
  return <span>{side && <i style={{ "--from": share(side.from), "--long": share(side.to - side.from) } as CSSProperties} />}</span>;
}

/** Both durations and by how much the second differs; of less than a tenth of a second nobody speaks. */
function Times({ a, b }: { a: number | undefined; b: number | undefined }) {
  const apart = a !== undefined && b !== undefined ? b - a : undefined;
  const say = (value: number | undefined) => (value === undefined ? "–" : duration(value, locale()));
  const tone = apart === undefined || Math.abs(apart) < 100 ? "muted" : apart > 0 ? "slower" : "faster";
  return (
    <>
      <td className="num">{say(a)}</td>
      <td className="num">{say(b)}</td>
      <td className={`num ${tone}`}>{apart === undefined ? "–" : Math.abs(apart) < 100 ? "≈" : `${apart > 0 ? "+" : "−"}${say(Math.abs(apart))}`}</td>
    </>
  );
}
