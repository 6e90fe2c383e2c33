import { api, type Item } from "../../api/client";
import { useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, CopyAsCli, DataGrid, EmptyState, Page, State, type Column } from "../../kit";

type User = Item<"List_User">;

const columns = (t: Text): Column<User>[] => [
  { id: "name", title: t("settings.user"), width: 160, grow: 2, sort: "name", cell: ({ name }) => name },
  { id: "role", title: t("settings.role"), width: 120, sort: "role", cell: ({ role }) => t(`settings.role.${role}`) },
  { id: "state", title: t("settings.state"), width: 120, cell: ({ disabled }) => <State tone={disabled ? "warn" : "ok"}>{t(disabled ? "settings.disabled" : "settings.active")}</State> },
  { id: "created", title: t("settings.created"), width: 120, sort: "createdAt", cell: ({ createdAt }) => <Ago at={createdAt} /> },
];

/** Everybody who may log in. */
export function Users() {
  const t = useText();
  const list = useList("users", (query) => api.GET("/api/v1/users", { params: { query } }), { sort: "name" });
  return (
    <Page title={t("settings.users")} lead={t("settings.usersLead")}>
      <DataGrid label={t("settings.users")} columns={columns(t)} list={list} rowId={({ name }) => name} empty={<EmptyState why={t("settings.usersEmpty")} />} />
      <CopyAsCli command="armilla user ls" />
    </Page>
  );
}
