import { Link } from "@tanstack/react-router";
import { api, type Item } from "../../api/client";
import { filterValue, useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, ButtonLink, CopyAsCli, DataGrid, EmptyState, Page, Stale, State, type Column } from "../../kit";
import { useHealth } from "./data";
import "./clusters.css";

type Site = Item<"List_Site">;

const columns = (t: Text): Column<Site>[] => [
  { id: "name", title: t("clusters.site"), width: 150, grow: 2, sort: "name", cell: ({ name }) => <Link to="/clusters/$site" params={{ site: name }}>{name}</Link> },
  { id: "state", title: t("clusters.state"), width: 240, grow: 1, cell: (site) => <Standing site={site} /> },
  { id: "version", title: t("clusters.version"), width: 130, cell: (site) => <Version site={site} /> },
  { id: "hosts", title: t("clusters.hosts"), width: 80, number: true, sort: "hosts", cell: ({ hosts }) => hosts },
  { id: "changed", title: t("clusters.changed"), width: 120, sort: "changedAt", cell: ({ changedAt }) => <Ago at={changedAt} /> },
  { id: "by", title: t("clusters.by"), width: 120, cell: ({ by }) => by },
];

/** Every site: one site, one cluster. Each cluster in sight is asked how it is. */
export function ClusterList() {
  const t = useText();
  const list = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  return (
    <Page title={t("clusters.title")} lead={t("clusters.lead")}>
      <DataGrid label={t("clusters.title")} columns={columns(t)} list={list} rowId={({ name }) => name}
        search={byName} empty={<EmptyState why={t("clusters.empty")}><ButtonLink to="/install" kind="primary">{t("clusters.install")}</ButtonLink></EmptyState>} />
      <CopyAsCli command="armilla site ls" />
    </Page>
  );
}

const byName = (typed: string) => `name~${filterValue(typed)}`;

/** How a cluster is; one that does not answer keeps what was known of it, with the time. */
function Standing({ site: { name, founded } }: { site: Site }) {
  const t = useText();
  const { data, error, dataUpdatedAt } = useHealth(name, founded);
  if (!founded) return <State tone="wait">{t("clusters.notFounded")}</State>;
  if (error) return <><State tone="bad">{t("clusters.down")}</State> {data && <Stale at={dataUpdatedAt} />}</>;
  if (!data) return <State tone="wait">{t("clusters.asking")}</State>;
  return <State tone={data.health.ready ? "ok" : "bad"}>{t(data.health.ready ? "clusters.ready" : "clusters.notReady")}</State>;
}

function Version({ site: { name, founded } }: { site: Site }) {
  const t = useText();
  const { data } = useHealth(name, founded);
  return data ? <span className="mono">{data.health.version}</span> : <span title={t("kit.unknown")}>–</span>;
}
