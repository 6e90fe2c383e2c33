import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Of } from "../../api/client";
import { filterValue, useChange, useList, useRead } from "../../api/data";
import { me } from "../../api/session";
import { useText } from "../../i18n";
import { Ago, Button, Bytes, CopyAsCli, Copyable, DestroyDialog, Facts, Page, Problem, Section, Skeleton, State } from "../../kit";
import { parts, type Release } from "./contents";
import { Coverage } from "./coverage";
import { PartGrid } from "./parts";
import { SizeMap } from "./size-map";
import "./bundles.css";

const route = getRouteApi("/inside/bundles/$id");

/** One bundle: what it is, whether it is whole, what is in it, and who needs it. */
export function BundlePage() {
  const t = useText();
  const { id } = route.useParams();
  const path = { params: { path: { id } } };
  const bundle = useRead(["bundles", id], () => api.GET("/api/v1/bundles/{id}", path));
  const contents = useRead(["bundles", id, "contents"], () => api.GET("/api/v1/bundles/{id}/contents", path));
  if (!bundle.data) return <Page title={t("bundles.one")}>{bundle.error ? <Problem error={bundle.error} retry={() => void bundle.refetch()} /> : <Skeleton />}</Page>;
  const { release, version, architectures, size, signer, verifiedAt, uploaded, addedAt, by } = bundle.data;
  return (
    <Page title={`${release} ${version}`} actions={<Actions bundle={bundle.data} />}>
      <Facts of={[
        [t("bundles.verified"), verifiedAt ? <State key="verified" tone="ok">{t("bundles.sealHolds")}</State> : <State key="verified" tone="warn">{t("bundles.notVerified")}</State>, "wide"],
        [t("bundles.verifiedAt"), <Ago key="verifiedAt" at={verifiedAt} />],
        [t("bundles.signer"), <Copyable key="signer" value={signer} keep={8} what={t("bundles.signer")} />],
        [t("bundles.digest"), <Copyable key="digest" value={id} keep={8} what={t("bundles.digest")} />],
        [t("bundles.architectures"), architectures.join(", ")],
        [t("bundles.size"), <Bytes key="size" count={size} />],
        [t("bundles.file"), uploaded ? t("bundles.uploaded") : <span key="file" className="mono">{bundle.data.path}</span>, "wide"],
        [t("bundles.added"), <span key="added"><Ago at={addedAt} /> · {by}</span>, "wide"],
      ]} />
      <UsedBy id={id} />
      {contents.data ? <Contents release={contents.data as unknown as Release} /> : contents.error ? <Problem error={contents.error} title={t("bundles.notRead")} retry={() => void contents.refetch()} /> : <Skeleton rows={8} />}
      <CopyAsCli command={`armilla bundle verify ${id}`} />
    </Page>
  );
}

function Contents({ release }: { release: Release }) {
  const t = useText();
  const all = parts(release);
  return (
    <>
      <Section title={t("bundles.sizes")}><SizeMap parts={all} /></Section>
      <Section title={t("bundles.coverage")}><Coverage release={release} /></Section>
      <Section title={t("bundles.contents")}><PartGrid parts={all} /></Section>
    </>
  );
}

const useUsers = (id: string) => useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { filter: `bundle=${filterValue(id)}`, key: [id] });

function UsedBy({ id }: { id: string }) {
  const t = useText();
  const sites = useUsers(id).rows;
  if (!sites) return null;
  return (
    <Section title={t("bundles.usedBy")}>
      {sites.length === 0 ? <p className="muted">{t("bundles.unused")}</p> : (
        <p className="row">{sites.map(({ name }) => <Link key={name} to="/clusters/$site" params={{ site: name }}>{name}</Link>)}</p>
      )}
    </Section>
  );
}

function Actions({ bundle }: { bundle: Of<"Bundle"> }) {
  const t = useText();
  const navigate = useNavigate();
  const [asks, ask] = useState(false);
  const role = useQuery(me).data?.role;
  const users = useUsers(bundle.id).rows;
  const path = { params: { path: { id: bundle.id } } };
  const verify = useChange(() => api.POST("/api/v1/bundles/{id}/verify", path));
  const remove = useChange(() => api.DELETE("/api/v1/bundles/{id}", path));
  if (!role || role === "viewer") return null;
  const name = `${bundle.release} ${bundle.version}`;
  return (
    <>
      <Button busy={verify.isPending} onClick={() => verify.mutate(undefined)}>{t("bundles.verifyAgain")}</Button>
      <Button kind="danger" disabled={users?.length !== 0} onClick={() => ask(true)}>{t("bundles.delete")}</Button>
      <Problem error={verify.error} title={t("bundles.notWhole")} shown={[""]} />
      <DestroyDialog title={t("bundles.deleteTitle", { name })} open={asks} onClose={() => ask(false)} name={bundle.version} verb={t("bundles.delete")} busy={remove.isPending}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => void navigate({ to: "/bundles" }) })}>
        <p>{t(bundle.uploaded ? "bundles.deleteUploaded" : "bundles.deleteFile", { path: bundle.path })}</p>
        <CopyAsCli command={`armilla bundle rm ${bundle.id}`} />
        <Problem error={remove.error} title={t("bundles.notDeleted")} />
      </DestroyDialog>
    </>
  );
}
