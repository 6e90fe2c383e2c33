import { Link, Navigate } from "@tanstack/react-router";
import { api, type Item } from "../../api/client";
import { filterValue, useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, ButtonLink, DataGrid, EmptyState, Page, State, type Column } from "../../kit";

type Site = Item<"List_Site">;

const columns = (t: Text): Column<Site>[] => [
  { id: "name", title: t("hosts.site"), width: 160, grow: 2, sort: "name", cell: ({ name }) => <Link to="/hosts/$site" params={{ site: name }}>{name}</Link> },
  { id: "hosts", title: t("hosts.title"), width: 80, number: true, cell: ({ hosts }) => hosts },
  { id: "state", title: t("hosts.state"), width: 140, cell: ({ founded }) => <State tone={founded ? "ok" : "wait"}>{t(founded ? "hosts.founded" : "hosts.notFounded")}</State> },
  { id: "changed", title: t("hosts.changed"), width: 120, sort: "changedAt", cell: ({ changedAt }) => <Ago at={changedAt} /> },
];

/** Hosts belong to sites: with one site its hosts are what is wanted. */
export function HostSites() {
  const t = useText();
  const list = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  const only = list.rows?.length === 1 && !list.search ? list.rows[0] : undefined;
  if (only) return <Navigate to="/hosts/$site" params={{ site: only.name }} replace />;
  return (
    <Page title={t("hosts.title")} lead={t("hosts.lead")}>
      <DataGrid label={t("hosts.sites")} columns={columns(t)} list={list} rowId={({ name }) => name} search={byName}
        empty={<EmptyState why={t("hosts.noSites")}><ButtonLink to="/install" kind="primary">{t("hosts.install")}</ButtonLink></EmptyState>} />
    </Page>
  );
}

const byName = (typed: string) => `name~${filterValue(typed)}`;
