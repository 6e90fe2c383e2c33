import { Link } from "@tanstack/react-router";
import { api, type Item } from "../../api/client";
import { filterValue, useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, DataGrid, EmptyState, Page, State, type Column } from "../../kit";

type Site = Item<"List_Site">;

const columns = (t: Text): Column<Site>[] => [
  { id: "name", title: t("clusters.site"), width: 160, grow: 2, sort: "name", cell: ({ name }) => <Link to="/clusters/$site" params={{ site: name }}>{name}</Link> },
  { id: "state", title: t("clusters.state"), width: 140, cell: ({ founded }) => <State tone={founded ? "ok" : "wait"}>{t(founded ? "clusters.founded" : "clusters.notFounded")}</State> },
  { id: "hosts", title: t("clusters.hosts"), width: 80, number: true, sort: "hosts", cell: ({ hosts }) => hosts },
  { id: "changed", title: t("clusters.changed"), width: 120, sort: "changedAt", cell: ({ changedAt }) => <Ago at={changedAt} /> },
  { id: "by", title: t("clusters.by"), width: 120, cell: ({ by }) => by },
];

/** Every site: one site, one cluster. */
export function ClusterList() {
  const t = useText();
  const list = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  return (
    <Page title={t("clusters.title")} lead={t("clusters.lead")}>
      <DataGrid label={t("clusters.title")} columns={columns(t)} list={list} rowId={({ name }) => name}
        search={byName} empty={<EmptyState why={t("clusters.empty")} />} />
    </Page>
  );
}

const byName = (typed: string) => `name~${filterValue(typed)}`;
