import { Link } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { api, type Item } from "../../api/client";
import { useList } from "../../api/data";
import { me } from "../../api/session";
import { useText, type Text } from "../../i18n";
import { Ago, ButtonLink, Bytes, Copyable, DataGrid, EmptyState, Page, State, type Column } from "../../kit";
import { AddBundle } from "./add";
import { Uploads } from "./uploads";
import "./bundles.css";

type Bundle = Item<"List_Bundle">;

const columns = (t: Text): Column<Bundle>[] => [
  { id: "release", title: t("bundles.release"), width: 220, grow: 2, sort: "release", cell: ({ id, release, version }) => <Link to="/bundles/$id" params={{ id }}>{release} <span className="mono">{version}</span></Link> },
  { id: "architectures", title: t("bundles.architectures"), width: 130, cell: ({ architectures }) => architectures.join(", ") },
  { id: "size", title: t("bundles.size"), width: 96, number: true, sort: "size", cell: ({ size }) => <Bytes count={size} /> },
  { id: "verified", title: t("bundles.verified"), width: 130, cell: ({ verifiedAt }) => (verifiedAt ? <Ago at={verifiedAt} /> : <State tone="warn">{t("bundles.notVerified")}</State>) },
  { id: "signer", title: t("bundles.signer"), width: 214, cell: ({ signer }) => <Copyable value={signer} keep={10} what={t("bundles.signer")} /> },
  { id: "path", title: t("bundles.file"), width: 180, grow: 3, cell: ({ path, uploaded }) => (uploaded ? t("bundles.uploaded") : <span className="mono" title={path}>{path}</span>) },
];

/** Every bundle that this instance can install from, those on their way, and how more come here. */
export function BundleList() {
  const t = useText();
  const list = useList("bundles", (query) => api.GET("/api/v1/bundles", { params: { query } }));
  const may = useQuery(me).data?.role !== "viewer";
  return (
    <Page title={t("bundles.title")} lead={t("bundles.lead")}
      actions={may && list.rows?.some(({ verifiedAt }) => verifiedAt) && <ButtonLink to="/install" kind="primary">{t("bundles.install")}</ButtonLink>}>
      {may && <Uploads />}
      <DataGrid label={t("bundles.title")} columns={columns(t)} list={list} rowId={({ id }) => id} empty={<EmptyState why={t("bundles.empty")} />} />
      {may && <AddBundle />}
    </Page>
  );
}
