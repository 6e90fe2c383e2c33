import { Link } from "@tanstack/react-router";
import { api, type Item } from "../../api/client";
import { filterValue, useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, CopyAsCli, DataGrid, EmptyState, Page, Took, type Column } from "../../kit";
import { RunState } from "./state";

type Run = Item<"List_Run">;

const columns = (t: Text): Column<Run>[] => [
  { id: "id", title: t("runs.id"), width: 80, sort: "id", cell: ({ id }) => <Link to="/runs/$id" params={{ id }}>{id}</Link> },
  { id: "site", title: t("runs.site"), width: 140, grow: 2, sort: "site", cell: ({ site }) => site },
  { id: "state", title: t("runs.state"), width: 140, sort: "state", cell: (run) => <RunState run={run} /> },
  { id: "startedAt", title: t("runs.started"), width: 120, sort: "startedAt", cell: ({ startedAt }) => <Ago at={startedAt} /> },
  { id: "took", title: t("runs.took"), width: 120, number: true, cell: ({ startedAt, endedAt }) => <Took from={startedAt} to={endedAt} /> },
];

/** Every run, the newest first. */
export function RunList() {
  const t = useText();
  const list = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { sort: "-startedAt" });
  return (
    <Page title={t("runs.title")} lead={t("runs.lead")}>
      <DataGrid label={t("runs.title")} columns={columns(t)} list={list} rowId={(run) => run.id}
        search={bySite} empty={<EmptyState why={t("runs.empty")} />} />
      <CopyAsCli command="armilla run ls" />
    </Page>
  );
}

const bySite = (typed: string) => `site~${filterValue(typed)}`;
