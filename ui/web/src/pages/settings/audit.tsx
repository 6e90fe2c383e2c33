import { api, type Item } from "../../api/client";
import { filterValue, useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, CopyAsCli, DataGrid, EmptyState, Page, type Column } from "../../kit";

type Entry = Item<"List_AuditEntry">;

const columns = (t: Text): Column<Entry>[] => [
  { id: "at", title: t("settings.at"), width: 120, sort: "at", cell: ({ at }) => <Ago at={at} /> },
  { id: "actor", title: t("settings.actor"), width: 140, sort: "actor", cell: ({ actor }) => actor },
  { id: "action", title: t("settings.action"), width: 160, sort: "action", cell: ({ action }) => <code>{action}</code> },
  { id: "id", title: t("settings.what"), width: 160, grow: 3, sort: "id", cell: ({ id }) => <span className="mono" title={id}>{id}</span> },
];

/** Who did what, the newest first. */
export function Audit() {
  const t = useText();
  const list = useList("audit", (query) => api.GET("/api/v1/audit", { params: { query } }), { sort: "-number" });
  return (
    <Page title={t("settings.audit")} lead={t("settings.auditLead")}>
      <DataGrid label={t("settings.audit")} columns={columns(t)} list={list} rowId={({ number }) => String(number)}
        search={byActor} empty={<EmptyState why={t("settings.auditEmpty")} />} />
      <CopyAsCli command="armilla audit ls" />
    </Page>
  );
}

const byActor = (typed: string) => `actor~${filterValue(typed)}`;
