import { useNavigate, getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { api, type Of } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { me } from "../../api/session";
import { useQuery } from "@tanstack/react-query";
import { locale, useText, type Text } from "../../i18n";
import { Ago, Banner, Button, Bytes, ButtonLink, CopyAsCli, duration, Page, Problem, Section, Skeleton, Stale, Took, useNow } from "../../kit";
import { useSaid, type Say } from "../../said";
import { SIGNS, type Row } from "../../parts/gantt/bars";
import { Gantt } from "../../parts/gantt/gantt";
import { PlaceDrawer, Retry } from "./drawer";
import { estimate } from "./estimate";
import { useFollowed, type Followed } from "./follow";
import { rows, waitsFor } from "./layout";
import { HeldBy } from "./held";
import { useHistory } from "./history";
import type { Filter } from "./log";
import { LogView } from "./logview";
import { PHASES, type Phase, type Plan } from "./model";
import { downloads } from "./report";
import { RunState, TONES } from "./state";
import { intentOf, label } from "./steps";
import { BarTable } from "./table";
import "./run.css";

const route = getRouteApi("/inside/runs/$id");
type Run = Of<"WholeRun">;

/** One run, of whichever intent: how far it is, what each host does, what was said, and what a person can do about it. */
export function RunPage() {
  const t = useText();
  const { id } = route.useParams();
  // What holds a run is in no stream: an open one is asked now and then.
  const run = useRead(["runs", id], () => api.GET("/api/v1/runs/{id}", { params: { path: { id } } }), { every: 5000 });
  const of = run.data?.plan ?? "";
  const plan = useRead(["plans", of], () => api.GET("/api/v1/plans/{id}", { params: { path: { id: of } } }), { enabled: of !== "" });
  const followed = useFollowed(id);
  const trouble = run.error ?? plan.error;
  if (!run.data || !followed) return <Page title={id}>{run.error ? <Problem error={run.error} retry={() => void run.refetch()} /> : <Skeleton />}</Page>;
  const head = t("runs.one", { id, site: run.data.site });
  const body = plan.data as unknown as Plan | undefined;
  if (!body) return <Page title={head}>{trouble ? <Problem error={trouble} retry={() => void plan.refetch()} /> : <Skeleton />}</Page>;
  return <Whole key={id} run={run.data} plan={body} followed={followed} stale={run.error ? run.dataUpdatedAt : undefined} />;
}

function Whole({ run, plan, followed, stale }: { run: Run; plan: Plan; followed: Followed; stale: number | undefined }) {
  const t = useText();
  const say = useSaid();
  const { id, site } = run;
  const { view, rates, records, count } = followed;
  const search = route.useSearch();
  const navigate = useNavigate();
  const role = useQuery(me).data?.role;
  const may = role !== undefined && role !== "viewer";
  const set = useCallback(
    (change: Partial<typeof search>) => void navigate({ to: "/runs/$id", params: { id }, search: (before) => ({ ...before, ...change }), replace: true }),
    [navigate, id],
  );
  const history = useHistory(site, id, run.startedAt);
  const over = view.outcome !== undefined;
  const second = useNow();
  const now = over ? (view.endedAt ?? second) : Math.max(second, view.lastAt);
  const ahead = useMemo(() => estimate(plan, view, history, now), [plan, view, history, now]);
  const bars = useMemo(() => rows(plan, view, ahead.ahead, now), [plan, view, ahead, now]);
  const [asTable, setAsTable] = useState(false);
  const open = (at: string | undefined) => set({ at });
  const setFilter = useCallback((filter: Filter) => set({ host: filter.host, phase: filter.phase, level: filter.level, text: filter.text }), [set]);
  const filter: Filter = useMemo(() => ({ host: search.host, phase: search.phase, level: search.level, text: search.text }), [search.host, search.phase, search.level, search.text]);
  const stalled = !over && !run.live && !run.held;
  const failures = [...view.steps].filter(([, step]) => step.state === "failed");
  return (
    <Page title={t("runs.one", { id, site })} lead={t(`runs.intent.${intentOf(plan)}`, { release: plan.release, hosts: typeof plan.intent === "string" ? "" : plan.intent.resetHosts.join(", ") })}
      actions={<Actions run={run} plan={plan} followed={followed} rows={bars} may={may} />}>
      {run.held && <HeldBy site={site} held={run.held} may={may} />}
      {stalled && <Banner tone="info" title={t("runs.stalled")}>{t("runs.stalledWhy")}</Banner>}
      {view.cancelled && !over && <Banner tone="warning" title={t("runs.cancelling")}>{t("runs.cancellingWhy", { count: [...view.steps.values()].filter(({ state }) => state === "started").length })}</Banner>}
      {failures.length > 0 && (
        <Banner tone="danger" title={t("runs.failures", { count: failures.length })}>
          <ul className="failures">
            {failures.slice(0, 20).map(([step, { failure }]) => (
              <li key={step}>
                <b>{step}</b>: {t("runs.failedTo", { what: say(failure?.what ?? "") })}{" "}
                <Link to="/runs/$id" params={{ id }} search={{ ...search, at: step }}>{t("runs.details")}</Link>
              </li>
            ))}
          </ul>
          {may && [...view.dropped.keys()].length === 1 && <Retry run={id} host={[...view.dropped.keys()][0] ?? ""} dropped />}
        </Banner>
      )}
      <Top run={run} followed={followed} share={ahead.share} end={ahead.end} now={now} stale={stale} />
      <Section title={t("runs.hostsAndPhases")} actions={<Button onClick={() => setAsTable(!asTable)}>{t(asTable ? "runs.asPicture" : "runs.asTable")}</Button>}>
        <Phases rows={bars} chosen={search.phase} choose={(phase) => set({ phase: search.phase === phase ? undefined : phase })} />
        {asTable ? <BarTable rows={bars} open={(bar) => open(`${bar.host}/${bar.phase}`)} /> : (
          <Gantt rows={bars} from={view.startedAt ?? run.startedAt} to={Math.max(ahead.end, now)} {...(over ? { ends: t("runs.outcome") } : { now })}
            moved={(host) => (over || !run.live ? undefined : rates.of(now, host))} doing={(row) => doing(row, followed, plan, t, say)} open={(bar) => open(`${bar.host}/${bar.phase}`)} />
        )}
        <p className="legend" aria-hidden="true">
          {(["done", "running", "waiting", "failed", "stopped", "never"] as const).map((state) => <span key={state}>{SIGNS[state]} {t(`parts.bar.${state}`)}</span>)}
          {!over && <span><i className="legend-now" /> {t("runs.now")}</span>}
        </p>
      </Section>
      <Section title={t("runs.log")}>
        <LogView run={id} records={records} count={count} hosts={bars.map(({ host }) => host)} filter={filter} setFilter={setFilter}
          line={search.line} setLine={(line) => set({ line })} />
      </Section>
      <CopyAsCli command={over ? `armilla run show ${id}` : `armilla run follow ${id}\narmilla run cancel ${id}`} />
      {search.at && <PlaceDrawer at={search.at} run={id} plan={plan} view={view} history={history} rates={rates} may={may} open={open} />}
    </Page>
  );
}

/** What a person can do with the run as a whole. */
function Actions({ run, plan, followed, rows: bars, may }: { run: Run; plan: Plan; followed: Followed; rows: Row[]; may: boolean }) {
  const t = useText();
  const say = useSaid();
  const { id, site } = run;
  const { view, records } = followed;
  const cancel = useChange(() => api.POST("/api/v1/runs/{id}/cancel", { params: { path: { id } } }));
  const over = view.outcome !== undefined;
  return (
    <>
      <Problem error={cancel.error} title={t("runs.cancelFailed")} />
      {!over && may && <Button onClick={() => cancel.mutate(undefined)} busy={cancel.isPending} disabled={view.cancelled || cancel.isSuccess}>{t("runs.cancel")}</Button>}
      {view.outcome === "healthy" && plan.intent === "install" && <ButtonLink to="/clusters/$site" params={{ site }} kind="primary">{t("runs.toCluster")}</ButtonLink>}
      <ButtonLink to="/runs/compare" search={{ a: id }}>{t("runs.compare")}</ButtonLink>
      {downloads({ run, plan, view, records, rows: bars }, t, say).map(({ name, text, save }) => <Button key={name} onClick={save} label={t("runs.download", { name: `${site} ${name}` })}>{text}</Button>)}
    </>
  );
}

type TopProps = { run: Run; followed: Followed; share: number; end: number; now: number; stale: number | undefined };

/** From two metres: state, how much, how long. */
function Top({ run, followed, share, end, now, stale }: TopProps) {
  const t = useText();
  const { view, rates } = followed;
  const over = view.outcome !== undefined;
  const flow = over || !run.live ? undefined : rates.of(now);
  const percent = new Intl.NumberFormat(locale(), { style: "percent" }).format(Math.floor(share * 100) / 100);
  const left = Math.max(0, end - now);
  const shown = { ...run, ...(view.outcome && { state: view.outcome }) };
  const tone = over ? (TONES[view.outcome ?? ""] ?? "wait") : "run";
  return (
    <div className="run-top">
      <dl>
        <div><dt>{t("runs.state")}</dt><dd><RunState run={shown} /> {stale !== undefined && <Stale at={stale} />}</dd></div>
        <div><dt>{t("runs.share")}</dt><dd className="num">{percent}</dd></div>
        <div><dt>{t(over ? "runs.took" : "runs.elapsed")}</dt><dd><Took from={run.startedAt} to={view.endedAt} /></dd></div>
        {over ? <div><dt>{t("runs.started")}</dt><dd><Ago at={run.startedAt} /></dd></div>
          : <div><dt>{t("runs.left")}</dt><dd className="num">{left < 1000 ? "–" : t("runs.about", { time: duration(rough(left), locale()) })}</dd></div>}
        {flow && <div><dt>{t("runs.sending")}</dt><dd><Bytes count={flow.done} /> <span className="muted">/</span> <Bytes count={flow.total} /></dd></div>}
        {flow && <div><dt>{t("runs.rate")}</dt><dd><Bytes count={flow.perSecond} /><span className="unit">/s</span></dd></div>}
      </dl>
      <div className={`run-share ${tone}`} role="progressbar" aria-label={t("runs.share")} aria-valuenow={Math.floor(share * 100)} aria-valuemin={0} aria-valuemax={100}>
        <div style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}

/** As exact as an estimate is: to 5 s below a minute, to 10 s below ten, to the minute above. */
function rough(time: number): number {
  const grain = time < 60_000 ? 5000 : time < 600_000 ? 10_000 : 60_000;
  return Math.max(grain, Math.round(time / grain) * grain);
}

/** The story's verbs, how much of each is done; one narrows the log. */
function Phases({ rows: all, chosen, choose }: { rows: Row[]; chosen: string | undefined; choose: (phase: Phase) => void }) {
  const t = useText();
  const bars = all.flatMap((row) => row.bars);
  return (
    <ul className="phases" aria-label={t("runs.phases")}>
      {PHASES.map((phase) => {
        const of = bars.filter((bar) => bar.phase === phase);
        if (of.length === 0) return null;
        const state = (["failed", "running", "waiting", "stopped", "never"] as const).find((each) => of.some((bar) => bar.state === each)) ?? "done";
        const done = of.reduce((sum, bar) => sum + bar.done, 0);
        const steps = of.reduce((sum, bar) => sum + bar.steps.length, 0);
        return (
          <li key={phase}>
            <button type="button" aria-pressed={chosen === phase} title={t(`runs.phaseIs.${phase}`)} onClick={() => choose(phase)}>
              <span aria-hidden="true">{SIGNS[state]}</span> {t(`parts.phase.${phase}`)} <span className="muted num">{done}/{steps}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** What a host is at, or why it is at nothing. */
function doing(row: Row, { view }: Followed, plan: Plan, t: Text, say: Say): string {
  const own = plan.steps.filter(({ host }) => host === row.host);
  const busy = own.filter(({ id }) => view.steps.get(id)?.state === "started" && view.outcome === undefined);
  if (busy.length > 0) return busy.map(({ action }) => label(action, t, say)).join("; ");
  const dropped = view.dropped.get(row.host);
  if (dropped) return t("runs.droppedOut", { step: dropped });
  if (row.done === row.steps) return t("runs.ready");
  if (view.outcome !== undefined) return t(row.bars.some(({ state }) => state === "stopped") ? "parts.bar.stopped" : "parts.bar.never");
  const waits = waitsFor(own, view);
  return waits[0] ? t("parts.waitsForStep", { step: waits[0], more: waits.length - 1 }) : t("parts.bar.waiting");
}
