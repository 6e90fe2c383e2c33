import { getRouteApi } from "@tanstack/react-router";
import { api, type Of } from "../../api/client";
import { filterValue, useRead } from "../../api/data";
import { useText } from "../../i18n";
import { Ago, Banner, CopyAsCli, Copyable, DataGrid, EmptyState, Facts, Section, Skeleton, State, type Column } from "../../kit";
import { isOver } from "./ailment";
import { ClusterPage, Reach, Unreached } from "./cluster";
import { at, useAll, useNode } from "./data";
import { EventList } from "./events";
import { count, cpus, Meter, size } from "./meter";
import { NodeState } from "./nodes";
import { HostTerminal } from "../../parts/terminal";
import { podColumns, podKeys, podWords } from "./pods";
import { twin } from "./twin";

const route = getRouteApi("/inside/clusters/$site/nodes/$node");

type Node = Of<"ClusterNode">;
type Condition = Of<"ClusterCondition">;

/** One node: what it is, what it has, what runs on it, and the way to it. */
export function NodePage() {
  const t = useText();
  const { site, node: name } = route.useParams();
  const node = useNode(site, name);
  const pods = useAll([site, "pods", "of", name], (query) => api.GET("/api/v1/clusters/{site}/pods", { params: { path: { site }, query: { ...query, fields: `spec.nodeName=${name}` } } }),
    { keys: podKeys, sort: "name", words: podWords });
  const hosts = useRead(["sites", site, "hosts", name], () => api.GET("/api/v1/sites/{name}/hosts", { params: { path: { name: site }, query: { filter: `name=${filterValue(name)}` } } }));
  const isHost = (hosts.data?.items.length ?? 0) > 0;
  return (
    <ClusterPage site={site} title={name} {...(isHost && { actions: <HostTerminal site={site} host={name} /> })}>
      <Unreached site={site} error={node.error} readAt={node.data ? node.dataUpdatedAt : 0} retry={() => void node.refetch()} />
      {!node.data && !node.error && <Skeleton />}
      {node.data && (
        <>
          <What node={node.data} />
          <Capacity node={node.data} pods={pods.all?.filter((pod) => !isOver(pod)).length} />
          <Conditions of={node.data.conditions} />
        </>
      )}
      <Section title={t("clusters.podsHere")}>
        {node.data && <Reach site={site} list={pods} />}
        {(pods.all || !pods.error) && (
          <DataGrid label={t("clusters.podsHere")} columns={podColumns(site, t).filter(({ id }) => id !== "node")} list={pods.grid} rowId={({ namespace, name: pod }) => `${namespace}/${pod}`}
            empty={<EmptyState why={t("clusters.noPodsHere")} />} />
        )}
      </Section>
      <EventList site={site} about={name} kind="Node" />
      <CopyAsCli command={`${twin.nodes(site)} --fields metadata.name=${name}\n${twin.host(site, name)}`} />
    </ClusterPage>
  );
}

function What({ node }: { node: Node }) {
  const t = useText();
  const ready = node.conditions.find(({ type }) => type === "Ready");
  return (
    <>
      {!node.ready && (
        <Banner tone="danger" title={t("clusters.nodeDown", { node: node.name })}>
          <p>{ready?.message}</p>
          <p>{t("clusters.nodeDownHint")}</p>
        </Banner>
      )}
      <Facts of={[
        [t("clusters.state"), <NodeState key="state" node={node} />],
        [t("clusters.roles"), node.roles.join(", ") || "–"],
        [t("clusters.version"), <span key="version" className="mono">{node.version}</span>],
        [t("clusters.runtime"), <span key="runtime" className="mono">{node.runtime}</span>],
        [t("clusters.system"), node.os],
        [t("clusters.kernel"), <span key="kernel" className="mono">{node.kernel} {node.architecture}</span>],
        [t("clusters.address"), <span key="address">{node.addresses.map((address) => <Copyable key={address} value={address} what={t("clusters.address")} />)}</span>],
        [t("clusters.podNetwork"), <span key="cidr" className="mono">{node.podCidrs.join(", ") || "–"}</span>],
        [t("clusters.taints"), node.taints.length > 0 ? <span key="taints" className="mono">{node.taints.join(", ")}</span> : t("clusters.none")],
        [t("clusters.since"), <Ago key="since" at={at(node.since)} />],
      ]} />
    </>
  );
}

function Capacity({ node: { used, allocatable }, pods }: { node: Node; pods: number | undefined }) {
  const t = useText();
  const unknown = t("clusters.noMetrics");
  return (
    <Section title={t("clusters.capacity")}>
      <dl className="meters">
        <div><dt>{t("clusters.cpu")}</dt><dd><Meter label={t("clusters.cpu")} used={used?.cpuMillis} total={allocatable.cpuMillis} say={cpus} unknown={unknown} /></dd></div>
        <div><dt>{t("clusters.memory")}</dt><dd><Meter label={t("clusters.memory")} used={used?.memory} total={allocatable.memory} say={size} unknown={unknown} /></dd></div>
        <div><dt>{t("clusters.pods")}</dt><dd><Meter label={t("clusters.pods")} used={pods} total={allocatable.pods} say={count} /></dd></div>
        <div><dt>{t("clusters.disk")}</dt><dd><Meter label={t("clusters.disk")} used={undefined} total={allocatable.storage} say={size} /></dd></div>
        {Object.entries(allocatable.others).map(([name, amount]) => <div key={name}><dt className="mono">{name}</dt><dd className="num">{count(amount)}</dd></div>)}
      </dl>
    </Section>
  );
}

/** Those that are not as they should be first. */
function Conditions({ of }: { of: Condition[] }) {
  const t = useText();
  const columns: Column<Condition>[] = [
    { id: "type", title: t("clusters.condition"), width: 170, cell: ({ type, good }) => <State tone={good ? "ok" : "bad"}>{type}</State> },
    { id: "status", title: t("clusters.status"), width: 80, cell: ({ status }) => status },
    { id: "reason", title: t("clusters.reason"), width: 215, grow: 1, cell: ({ reason }) => reason },
    { id: "message", title: t("clusters.message"), width: 240, grow: 3, cell: ({ message }) => <span title={message}>{message}</span> },
    { id: "since", title: t("clusters.for"), width: 110, cell: ({ since }) => <Ago at={at(since)} /> },
  ];
  const rows = [...of].sort((one, other) => Number(one.good) - Number(other.good));
  return (
    <Section title={t("clusters.conditions")}>
      <DataGrid label={t("clusters.conditions")} columns={columns} list={{ rows }} rowId={({ type }) => type} empty={<EmptyState why={t("clusters.none")} />} />
    </Section>
  );
}
