import { Link } from "@tanstack/react-router";
import { api, type Item } from "../../api/client";
import { useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, CopyAsCli, DataGrid, EmptyState, Page, Section, State, Took, type Column, type Tone } from "../../kit";

type Site = Item<"List_Site">;
type Run = Item<"List_Run">;

/** How everything stands now: sites, and what runs or ran last. */
export function Dashboard() {
  const t = useText();
  const sites = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  const runs = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { sort: "-startedAt" });
  return (
    <Page title={t("dashboard.title")}>
      <Section title={t("dashboard.sites")}>
        <DataGrid label={t("dashboard.sites")} columns={siteColumns(t)} list={sites} rowId={({ name }) => name} empty={<First />} />
      </Section>
      {runs.rows?.length !== 0 && (
        <Section title={t("dashboard.runs")}>
          <DataGrid label={t("dashboard.runs")} columns={runColumns(t)} list={runs} rowId={({ id }) => id} empty={null} />
        </Section>
      )}
    </Page>
  );
}

/** The way to the first cluster. */
function First() {
  const t = useText();
  return (
    <EmptyState why={t("dashboard.first")}>
      <ol className="steps">
        <li>{t("dashboard.step1")}</li>
        <li>{t("dashboard.step2")}</li>
        <li>{t("dashboard.step3")}</li>
      </ol>
      <CopyAsCli command="armilla apply -s site.yaml -b armilla.bundle" />
    </EmptyState>
  );
}

const siteColumns = (t: Text): Column<Site>[] => [
  { id: "name", title: t("dashboard.site"), width: 160, grow: 2, sort: "name", cell: ({ name }) => <Link to="/clusters/$site" params={{ site: name }}>{name}</Link> },
  { id: "state", title: t("dashboard.state"), width: 140, cell: ({ founded }) => <State tone={founded ? "ok" : "wait"}>{t(founded ? "dashboard.founded" : "dashboard.notFounded")}</State> },
  { id: "hosts", title: t("dashboard.hosts"), width: 80, number: true, cell: ({ hosts }) => hosts },
  { id: "changed", title: t("dashboard.changed"), width: 120, sort: "changedAt", cell: ({ changedAt }) => <Ago at={changedAt} /> },
];

const TONES: Record<string, Tone> = { open: "run", healthy: "ok", degraded: "warn", failed: "bad" };

const runColumns = (t: Text): Column<Run>[] => [
  { id: "id", title: t("dashboard.run"), width: 80, cell: ({ id }) => <Link to="/runs/$id" params={{ id }}>{id}</Link> },
  { id: "site", title: t("dashboard.site"), width: 160, grow: 2, cell: ({ site }) => site },
  { id: "state", title: t("dashboard.state"), width: 140, cell: ({ state }) => <State tone={TONES[state] ?? "wait"}>{t(`dashboard.run.${state}`)}</State> },
  { id: "started", title: t("dashboard.started"), width: 120, cell: ({ startedAt }) => <Ago at={startedAt} /> },
  { id: "took", title: t("dashboard.took"), width: 120, number: true, cell: ({ startedAt, endedAt }) => <Took from={startedAt} to={endedAt} /> },
];
