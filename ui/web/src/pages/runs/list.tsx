import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useEffect, useState, type CSSProperties } from "react";
import { api, type Item } from "../../api/client";
import { filterValue, useChange, useList } from "../../api/data";
import { locale, useText, type Text } from "../../i18n";
import { Ago, Banner, Button, ButtonLink, CopyAsCli, DataGrid, duration, EmptyState, Page, Problem, Took, useNow, type Column } from "../../kit";
import { useSaid } from "../../said";
import { RunState, TONES } from "./state";
import "./list.css";

type Run = Item<"List_Run">;
const route = getRouteApi("/inside/runs");

const INTENTS = ["install", "reset", "resetHosts"];
const STATES = ["open", "healthy", "degraded", "failed", "cancelled", "abandoned"];

const columns = (t: Text, longest: number): Column<Run>[] => [
  { id: "id", title: t("runs.id"), width: 80, sort: "id", cell: ({ id }) => <Link to="/runs/$id" params={{ id }}>{id}</Link> },
  { id: "site", title: t("runs.site"), width: 140, grow: 2, sort: "site", cell: ({ site }) => site },
  { id: "intent", title: t("runs.kind"), width: 110, sort: "intent", cell: ({ intent }) => (intent ? t(`runs.kind.${intent}`) : "–") },
  { id: "state", title: t("runs.state"), width: 130, sort: "state", cell: (run) => <RunState run={run} /> },
  { id: "startedAt", title: t("runs.started"), width: 110, sort: "startedAt", cell: ({ startedAt }) => <Ago at={startedAt} /> },
  { id: "took", title: t("runs.took"), width: 140, number: true, cell: ({ startedAt, endedAt }) => <Took from={startedAt} to={endedAt} /> },
  { id: "strip", title: t("runs.strip"), width: 160, grow: 3, cell: (run) => <Strip run={run} longest={longest} /> },
];

/** Every run, the newest first. What is looked for stands in the address, so that it can be passed on. */
export function RunList() {
  const t = useText();
  const search = route.useSearch();
  const navigate = useNavigate();
  const set = (change: Partial<typeof search>) => void navigate({ to: "/runs", search: (before) => ({ ...before, ...change }), replace: true });
  const filter = [search.site && `site~${filterValue(search.site)}`, search.state && `state=${search.state}`, search.intent && `intent=${search.intent}`].filter(Boolean).join(",");
  const list = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { sort: "-startedAt", filter });
  const now = useNow();
  const longest = Math.max(1, ...(list.rows ?? []).map(({ startedAt, endedAt }) => (endedAt ?? now) - startedAt));
  return (
    <Page title={t("runs.title")} lead={t("runs.lead")} actions={<ButtonLink to="/runs/compare">{t("runs.compareTwo")}</ButtonLink>}>
      <Waiting />
      {(filter || list.rows?.length !== 0) && (
        <div className="row runs-filter">
          <Site value={search.site ?? ""} change={(site) => set({ site })} />
          <Facet label={t("runs.kind")} value={search.intent} options={INTENTS} say={(intent) => t(`runs.kind.${intent}`)} change={(intent) => set({ intent })} />
          <Facet label={t("runs.state")} value={search.state} options={STATES} say={(state) => t(`runs.state.${state}`)} change={(state) => set({ state })} />
        </div>
      )}
      <DataGrid label={t("runs.title")} columns={columns(t, longest)} list={list} rowId={(run) => run.id}
        empty={<EmptyState why={t(filter ? "runs.noneMatch" : "runs.empty")}>{filter && <Button onClick={() => set({ site: undefined, state: undefined, intent: undefined })}>{t("runs.showAll")}</Button>}{!filter && <ButtonLink to="/install" kind="primary">{t("runs.install")}</ButtonLink>}</EmptyState>} />
      <CopyAsCli command="armilla run ls" />
    </Page>
  );
}

type FacetProps = { label: string; value: string | undefined; options: string[]; say: (option: string) => string; change: (to: string | undefined) => void };

function Facet({ label, value, options, say, change }: FacetProps) {
  const t = useText();
  return (
    <label>
      {label}
      <select className="quiet" value={value ?? ""} onChange={(event) => change(event.target.value || undefined)}>
        <option value="">{t("runs.all")}</option>
        {options.map((option) => <option key={option} value={option}>{say(option)}</option>)}
      </select>
    </label>
  );
}

function Site({ value, change }: { value: string; change: (site: string | undefined) => void }) {
  const t = useText();
  const [typed, setTyped] = useState(value);
  const settled = useDeferredValue(typed);
  useEffect(() => {
    if (settled !== value) change(settled || undefined);
  });
  return (
    <label className="grid-search">
      {t("runs.site")} <input type="search" value={typed} placeholder={t("kit.filter")} onChange={(event) => setTyped(event.target.value)} />
    </label>
  );
}

/** How long it took, beside the others: one glance finds the slow one. */
function Strip({ run, longest }: { run: Run; longest: number }) {
  const now = useNow();
  const took = (run.endedAt ?? now) - run.startedAt;
  const tone = run.state === "open" ? "run" : (TONES[run.state] ?? "wait");
  return <span className={`strip strip-${tone}`} style={{ "--share": `${(100 * took) / longest}%` } as CSSProperties} title={duration(took, locale())} />;
}

/** Starts that have no run yet, with what keeps them. */
function Waiting() {
  const { rows = [] } = useList("requests", (query) => api.GET("/api/v1/requests", { params: { query } }), { filter: "state=waiting,asked=start", sort: "-at" });
  return <>{rows.map((request) => <WaitingStart key={request.id} {...request} />)}</>;
}

function WaitingStart({ id, site, held, by }: Item<"List_Request">) {
  const t = useText();
  const say = useSaid();
  const withdraw = useChange(() => api.DELETE("/api/v1/requests/{id}", { params: { path: { id } } }));
  return (
    <Banner tone={held ? "warning" : "info"} title={t(held ? "runs.startHeldOf" : "runs.startWaitsOf", { site, by })}>
      {held && <ul>{held.problems.map(({ pointer, detail }) => <li key={pointer + detail}>{say(detail)}</li>)}</ul>}
      {held?.hint && <p>{t("runs.hint", { hint: say(held.hint) })}</p>}
      <Problem error={withdraw.error} />
      <CopyAsCli command={`armilla run withdraw ${id}`} />
      <Button onClick={() => withdraw.mutate(undefined)} busy={withdraw.isPending}>{t("runs.withdraw")}</Button>
    </Banner>
  );
}
