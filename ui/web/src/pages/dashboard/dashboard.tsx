import { Link } from "@tanstack/react-router";
import { api, type Item } from "../../api/client";
import { useList } from "../../api/data";
import { locale, useText, type Text } from "../../i18n";
import { Ago, bytes, DataGrid, Page, Problem, Progress, Section, Skeleton, State, Took, useNow, type Column } from "../../kit";
import { capacity, expiring, firstEnd, sortedOut, together, type Capacity, type Expiry } from "./attention";
import { useCertificates, useNodes } from "./clusters";
import { First } from "./first";
import { Tile } from "./tile";
import "./dashboard.css";

type Site = Item<"List_Site">;
type Run = Item<"List_Run">;

/** How everything stands now, and what waits for a person. */
export function Dashboard() {
  const t = useText();
  const sites = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  const runs = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { sort: "-startedAt" });
  if (!sites.rows) return <Page title={t("dashboard.title")}>{sites.error ? <Problem error={sites.error} retry={sites.retry} /> : <Skeleton rows={8} />}</Page>;
  if (sites.rows.length === 0) return <Page title={t("dashboard.title")}><First /></Page>;
  return <Page title={t("dashboard.title")}><Standing sites={sites.rows} list={sites} runs={runs} /></Page>;
}

type Lists = { sites: Site[]; list: ReturnType<typeof useList<Site>>; runs: ReturnType<typeof useList<Run>> };

function Standing({ sites, list, runs }: Lists) {
  const t = useText();
  const now = useNow();
  const nodes = useNodes(sites);
  const certificates = useCertificates(sites);
  const caps = new Map(nodes.flatMap(({ site, answer }) => (answer?.data ? [[site, capacity(answer.data.items)] as const] : [])));
  const ends = new Map(certificates.flatMap(({ site, answer }) => (answer?.data ? [[site, firstEnd(answer.data.items, now)] as const] : [])));
  const away = new Set(nodes.filter(({ answer }) => answer?.isError).map(({ site }) => site));
  const { open, held, bad } = sortedOut(runs.rows ?? []);
  const soon = certificates.flatMap(({ site, answer }) => (answer?.data ? expiring(site, answer.data.items, now, 30) : []));
  const old = (answers: { answer: { isError: boolean; dataUpdatedAt: number } | undefined }[]) =>
    Math.min(...answers.flatMap(({ answer }) => (answer?.isError && answer.dataUpdatedAt ? [answer.dataUpdatedAt] : [])));
  const stale = (at: number) => (Number.isFinite(at) ? at : undefined);
  const runsStale = runs.error ? runs.readAt : undefined;
  return (
    <>
      <div className="tiles">
        <Tile title={t("dashboard.running")} loading={!runs.rows && !runs.error} figure={open.length} tone={open.length > 0 ? "run" : undefined} staleAt={runsStale}>
          <RunLines runs={open} none={t("dashboard.nothingRuns")} />
        </Tile>
        <Tile title={t("dashboard.waiting")} loading={!runs.rows && !runs.error} figure={held.length + bad.length} tone={bad.length > 0 ? "bad" : held.length > 0 ? "warn" : "ok"} staleAt={runsStale}>
          <RunLines runs={[...held, ...bad]} none={t("dashboard.nothingWaits")} />
        </Tile>
        {nodes.length > 0 && (
          <>
            <NodeTile caps={[...caps.values()]} away={away} loading={nodes.some(({ answer }) => answer?.isPending)} staleAt={stale(old(nodes))} />
            <CertificateTile soon={soon} loading={certificates.some(({ answer }) => answer?.isPending)} failed={certificates.filter(({ answer }) => answer?.isError && !answer.data).length} staleAt={stale(old(certificates))} />
          </>
        )}
      </div>
      <Section title={t("dashboard.sites")}>
        <DataGrid label={t("dashboard.sites")} columns={siteColumns(t, { caps, ends, away, last: runs.rows ?? [] })} list={list} rowId={({ name }) => name} empty={null} />
      </Section>
      <Recent runs={runs.rows} />
    </>
  );
}

/** Lines of a tile; the list has the rest. */
const LINES = 3;

function RunLines({ runs, none }: { runs: Run[]; none: string }) {
  const t = useText();
  if (runs.length === 0) return <p className="muted">{none}</p>;
  return (
    <ul>
      {runs.slice(0, LINES).map((run) => (
        <li key={run.id}><Link to="/runs/$id" params={{ id: run.id }}>{run.id}</Link> {run.site} <RunWord run={run} /> {run.state === "open" && <span className="muted"><Took from={run.startedAt} to={null} /></span>}</li>
      ))}
      {runs.length > LINES && <li><Link to="/runs">{t("dashboard.more", { count: runs.length - LINES })}</Link></li>}
    </ul>
  );
}

function RunWord({ run: { state, held } }: { run: Run }) {
  const t = useText();
  if (state === "open") return held ? <State tone="warn">{t("dashboard.run.held")}</State> : <State tone="run">{t("dashboard.run.open")}</State>;
  const tone = ({ healthy: "ok", degraded: "warn", failed: "bad" } as const)[state];
  return <State tone={tone ?? "wait"}>{t(`dashboard.run.${state}`)}</State>;
}

function NodeTile({ caps, away, loading, staleAt }: { caps: Capacity[]; away: ReadonlySet<string>; loading: boolean; staleAt: number | undefined }) {
  const t = useText();
  const all = together(caps);
  const bad = all.ready < all.nodes || away.size > 0;
  const cpus = (millis: number) => new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(millis / 1000);
  const size = (count: number) => bytes(count, locale()).join(" ");
  return (
    <Tile title={t("dashboard.nodes")} loading={loading && caps.length === 0} figure={caps.length === 0 ? "–" : t("dashboard.readyOf", { ready: all.ready, nodes: all.nodes })} tone={bad ? "bad" : "ok"} staleAt={staleAt}>
      {caps.length > 0 && <Used name={t("dashboard.cpu")} share={all.cpu} say={(count) => t("dashboard.cpus", { count: cpus(count) })} />}
      {caps.length > 0 && <Used name={t("dashboard.memory")} share={all.memory} say={size} />}
      {away.size > 0 && <p><State tone="bad">{t("dashboard.away", { sites: [...away].slice(0, LINES).join(", ") })}</State></p>}
    </Tile>
  );
}

function Used({ name, share: { used, of }, say }: { name: string; share: Capacity["cpu"]; say: (count: number) => string }) {
  const t = useText();
  return (
    <div className="used">
      <span>{name}</span>
      <span className="num muted">{used === undefined ? t("dashboard.notMeasured", { of: say(of) }) : t("dashboard.usedOf", { used: say(used), of: say(of) })}</span>
      <Progress value={used ?? 0} of={of} label={name} tone={used !== undefined && used > 0.9 * of ? "warn" : "run"} />
    </div>
  );
}

function CertificateTile({ soon, loading, failed, staleAt }: { soon: Expiry[]; loading: boolean; failed: number; staleAt: number | undefined }) {
  const t = useText();
  const [first] = soon;
  return (
    <Tile title={t("dashboard.certificates")} loading={loading && !first} figure={failed > 0 && !first ? "–" : soon.length} tone={first && first.days < 7 ? "bad" : first ? "warn" : failed > 0 ? undefined : "ok"} staleAt={staleAt}>
      {first ? (
        <ul>{soon.slice(0, LINES).map(({ site, subject, host, place, days }) => (
          <li key={site + host + place + subject} title={place}><Link to="/clusters/$site" params={{ site }}>{site}</Link> {subject} <Left days={days} /></li>
        ))}</ul>
      ) : <p className="muted">{failed > 0 ? t("dashboard.certificatesUnknown", { count: failed }) : t("dashboard.noneEnds")}</p>}
    </Tile>
  );
}

function Left({ days }: { days: number }) {
  const t = useText();
  return <State tone={days < 7 ? "bad" : days < 30 ? "warn" : "ok"}>{t(days < 0 ? "dashboard.ended" : "dashboard.endsIn", { days })}</State>;
}

/** Of the last runs: the list has the rest. */
const RECENT = 5;

/** What was done here last, and whether it went well. */
function Recent({ runs }: { runs: readonly Run[] | undefined }) {
  const t = useText();
  if (!runs || runs.length === 0) return null;
  return (
    <Section title={t("dashboard.recent")} actions={<Link to="/runs">{t("dashboard.allRuns")}</Link>}>
      <DataGrid label={t("dashboard.recent")} columns={runColumns(t)} list={{ rows: runs.slice(0, RECENT) }} rowId={({ id }) => id} empty={null} />
    </Section>
  );
}

const runColumns = (t: Text): Column<Run>[] => [
  { id: "id", title: t("dashboard.run"), width: 70, cell: ({ id }) => <Link to="/runs/$id" params={{ id }}>{id}</Link> },
  { id: "site", title: t("dashboard.site"), width: 150, grow: 2, cell: ({ site }) => site },
  { id: "kind", title: t("dashboard.kind"), width: 130, cell: ({ intent }) => t(`dashboard.kind.${intent}`) },
  { id: "state", title: t("dashboard.state"), width: 130, cell: (run) => <RunWord run={run} /> },
  { id: "started", title: t("dashboard.started"), width: 110, cell: ({ startedAt }) => <Ago at={startedAt} /> },
  { id: "took", title: t("dashboard.took"), width: 110, number: true, cell: ({ startedAt, endedAt }) => <Took from={startedAt} to={endedAt} /> },
];

type Known = { caps: Map<string, Capacity>; ends: Map<string, number | undefined>; away: Set<string>; last: Run[] };

const siteColumns = (t: Text, { caps, ends, away, last }: Known): Column<Site>[] => [
  { id: "name", title: t("dashboard.site"), width: 150, grow: 2, sort: "name", cell: ({ name }) => <Link to="/clusters/$site" params={{ site: name }}>{name}</Link> },
  { id: "state", title: t("dashboard.state"), width: 130, cell: ({ name, founded }) => (away.has(name) ? <State tone="bad">{t("dashboard.unreachable")}</State> : <State tone={founded ? "ok" : "wait"}>{t(founded ? "dashboard.founded" : "dashboard.notFounded")}</State>) },
  { id: "hosts", title: t("dashboard.hosts"), width: 70, number: true, cell: ({ hosts }) => hosts },
  { id: "nodes", title: t("dashboard.nodes"), width: 118, number: true, cell: ({ name }) => { const own = caps.get(name); return own ? t("dashboard.readyOf", { ready: own.ready, nodes: own.nodes }) : "–"; } },
  { id: "run", title: t("dashboard.lastRun"), width: 170, cell: ({ name }) => { const run = last.find(({ site }) => site === name); return run ? <><Link to="/runs/$id" params={{ id: run.id }}>{run.id}</Link> <RunWord run={run} /></> : "–"; } },
  { id: "certificates", title: t("dashboard.firstEnd"), width: 130, cell: ({ name }) => { const days = ends.get(name); return days === undefined ? "–" : <Left days={days} />; } },
  { id: "changed", title: t("dashboard.changed"), width: 110, sort: "changedAt", cell: ({ changedAt }) => <Ago at={changedAt} /> },
];
