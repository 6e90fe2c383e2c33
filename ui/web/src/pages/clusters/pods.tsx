import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Of } from "../../api/client";
import { useText, type Text } from "../../i18n";
import { Ago, Button, Check, CopyAsCli, DataGrid, EmptyState, Select, State, type Column } from "../../kit";
import { isTroubled, podTone } from "./ailment";
import { different } from "./arrange";
import { ClusterPage, Reach } from "./cluster";
import { at, useAll } from "./data";
import { asTyped } from "./nodes";
import type { PodsSearch } from "./routes";
import { twin } from "./twin";

const route = getRouteApi("/inside/clusters/$site/pods");

type Pod = Of<"Pod">;

/** `2/3` of its containers, those that come before the others left out. */
const readiness = ({ containers }: Pod): [ready: number, all: number] => {
  const lasting = containers.filter(({ init }) => !init);
  return [lasting.filter(({ ready }) => ready).length, lasting.length];
};

export const podColumns = (site: string, t: Text): Column<Pod>[] => [
  { id: "name", title: t("clusters.pod"), width: 220, grow: 3, sort: "name", cell: ({ namespace, name }) => <Link to="/clusters/$site/pods/$namespace/$pod" params={{ site, namespace, pod: name }} title={name}>{name}</Link> },
  { id: "namespace", title: t("clusters.namespace"), width: 130, sort: "namespace", cell: ({ namespace }) => namespace },
  { id: "state", title: t("clusters.state"), width: 170, sort: "state", cell: (pod) => <State tone={podTone(pod)}>{pod.status}</State> },
  { id: "ready", title: t("clusters.ready"), width: 70, number: true, cell: (pod) => readiness(pod).join("/") },
  { id: "restarts", title: t("clusters.restarts"), width: 90, number: true, sort: "restarts", cell: ({ restarts }) => restarts },
  { id: "node", title: t("clusters.node"), width: 100, sort: "node", cell: ({ node }) => (node ? <Link to="/clusters/$site/nodes/$node" params={{ site, node }}>{node}</Link> : <span title={t("clusters.noNodeYet")}>–</span>) },
  { id: "since", title: t("clusters.since"), width: 100, sort: "since", cell: ({ since }) => <Ago at={at(since)} /> },
];

export const podKeys = {
  name: ({ name }: Pod) => name,
  namespace: ({ namespace }: Pod) => namespace,
  state: (pod: Pod) => ["bad", "warn", "wait", "run", "ok"].indexOf(podTone(pod)),
  restarts: ({ restarts }: Pod) => restarts,
  node: ({ node }: Pod) => node ?? "",
  since: ({ since }: Pod) => at(since) ?? 0,
};
export const podWords = ({ namespace, name, status, node, address, owner }: Pod) => [namespace, name, status, node, address, owner?.name].join(" ");

/** A cluster's pods, narrowed by namespace, by what they belong to, and to those that somebody should look at. */
export function Pods() {
  const t = useText();
  const { site } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const { namespace, owner, troubled } = search;
  const only = (pod: Pod) =>
    (!namespace || pod.namespace === namespace) && (!owner || `${pod.owner?.kind}/${pod.owner?.name}` === owner) && (!troubled || isTroubled(pod));
  const list = useAll([site, "pods"], (query) => api.GET("/api/v1/clusters/{site}/pods", { params: { path: { site }, query } }), { keys: podKeys, sort: "state", words: podWords, only });
  const narrow = (next: PodsSearch) => void navigate({ to: "/clusters/$site/pods", params: { site }, search: next, replace: true });
  const namespaces = useMemo(() => different((list.all ?? []).map((pod) => pod.namespace)), [list.all]);
  const without = <Key extends keyof PodsSearch>(key: Key) => Object.fromEntries(Object.entries(search).filter(([name]) => name !== key)) as Omit<PodsSearch, Key>;
  const bad = list.all?.filter(isTroubled).length ?? 0;
  return (
    <ClusterPage site={site}>
      <Reach site={site} list={list} />
      {(list.all || !list.error) && (
        <>
          <DataGrid label={t("clusters.pods")} columns={podColumns(site, t)} list={list.grid} rowId={({ namespace: space, name }) => `${space}/${name}`} search={asTyped} tools={<>
            <Select label={t("clusters.namespace")} value={namespace ?? ""} onChange={(value) => narrow({ ...without("namespace"), ...(value && { namespace: value }) })}
              options={[{ value: "", label: t("clusters.allNamespaces") }, ...different([...namespaces, ...(namespace ? [namespace] : [])]).map((name) => ({ value: name, label: name }))]} />
            <Check label={t("clusters.onlyTroubled", { count: bad })} checked={troubled ?? false} onChange={(on) => narrow({ ...without("troubled"), ...(on && { troubled: true as const }) })} />
            {owner && <Button onClick={() => narrow(without("owner"))}>{t("clusters.onlyOf", { owner })} ✕</Button>}
          </>} empty={<EmptyState why={t(list.all?.length ? "kit.noneFound" : "clusters.noPods")} />} />
          {list.cut && <p className="muted">{t("clusters.cut", { count: list.all?.length ?? 0 })}</p>}
        </>
      )}
      <CopyAsCli command={twin.pods(site, namespace ? [`-n ${namespace}`] : [])} />
    </ClusterPage>
  );
}
