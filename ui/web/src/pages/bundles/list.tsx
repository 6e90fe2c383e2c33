import { api, type Item } from "../../api/client";
import { useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, Bytes, Copyable, DataGrid, EmptyState, Page, State, type Column } from "../../kit";

type Bundle = Item<"List_Bundle">;

const columns = (t: Text): Column<Bundle>[] => [
  { id: "release", title: t("bundles.release"), width: 160, grow: 2, sort: "release", cell: ({ release, version }) => <>{release} <span className="mono">{version}</span></> },
  { id: "architectures", title: t("bundles.architectures"), width: 120, cell: ({ architectures }) => architectures.join(", ") },
  { id: "size", title: t("bundles.size"), width: 96, number: true, sort: "size", cell: ({ size }) => <Bytes count={size} /> },
  { id: "verified", title: t("bundles.verified"), width: 150, cell: ({ verifiedAt }) => (verifiedAt ? <Ago at={verifiedAt} /> : <State tone="warn">{t("bundles.notVerified")}</State>) },
  { id: "signer", title: t("bundles.signer"), width: 150, cell: ({ signer }) => <Copyable value={signer} keep={6} what={t("bundles.signer")} /> },
  { id: "path", title: t("bundles.path"), width: 180, grow: 3, cell: ({ path }) => <span className="mono" title={path}>{path}</span> },
];

/** Every bundle that this instance can install from. */
export function BundleList() {
  const t = useText();
  const list = useList("bundles", (query) => api.GET("/api/v1/bundles", { params: { query } }));
  return (
    <Page title={t("bundles.title")} lead={t("bundles.lead")}>
      <DataGrid label={t("bundles.title")} columns={columns(t)} list={list} rowId={({ id }) => id} empty={<EmptyState why={t("bundles.empty")} />} />
    </Page>
  );
}
