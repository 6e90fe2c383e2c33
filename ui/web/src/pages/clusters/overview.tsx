import { getRouteApi, Link } from "@tanstack/react-router";
import { api, type Of } from "../../api/client";
import { locale, useText, type Text } from "../../i18n";
import { CopyAsCli, DataGrid, duration, EmptyState, Facts, Section, Skeleton, State, type Column } from "../../kit";
import { useSaid, type Say } from "../../said";
import { isOver, isTroubled } from "./ailment";
import { different } from "./arrange";
import { Certificates } from "./certificates";
import { ClusterPage, Unreached } from "./cluster";
import { useAddOns, useAll, useHealth } from "./data";
import { Kubeconfig } from "./kubeconfig";
import { count, cpus, Meter, size } from "./meter";
import { nodeTone, useNodes } from "./nodes";
import { podKeys, podWords } from "./pods";
import { twin } from "./twin";
import { Replicas } from "./workloads";

const route = getRouteApi("/inside/clusters/$site");

type Node = Of<"ClusterNode">;

/** One cluster at a glance: is it well, what has it, what ends when. */
export function ClusterOverview() {
  const { site } = route.useParams();
  return (
    <ClusterPage site={site} actions={<Kubeconfig site={site} />}>
      <Whole site={site} />
    </ClusterPage>
  );
}

/** Drawn only of a cluster that stands: nothing is asked of one that does not. */
function Whole({ site }: { site: string }) {
  const t = useText();
  const cluster = useHealth(site);
  const nodes = useNodes(site);
  const pods = useAll([site, "pods"], (query) => api.GET("/api/v1/clusters/{site}/pods", { params: { path: { site }, query } }), { keys: podKeys, words: podWords });
  const error = cluster.error ?? nodes.error;
  const shown = cluster.data ? cluster.dataUpdatedAt : nodes.all ? nodes.readAt : 0;
  const retry = () => {
    void cluster.refetch();
    nodes.retry();
    pods.retry();
  };
  const all = nodes.all;
  const troubled = pods.all?.filter(isTroubled).length ?? 0;
  return (
    <>
      <Unreached site={site} error={error} readAt={shown} retry={retry} />
      {!cluster.data && !error && <Skeleton />}
      {cluster.data && (
        <Facts of={[
          [t("clusters.apiServer"), <State key="state" tone={cluster.error ? "bad" : cluster.data.health.ready ? "ok" : "bad"}>{t(cluster.error ? "clusters.down" : cluster.data.health.ready ? "clusters.ready" : "clusters.notReady")}</State>],
          [t("clusters.version"), <span key="version" className="mono">{cluster.data.health.version}</span>],
          [t("clusters.answered"), <span key="answered">{t("clusters.answeredBy", { time: duration(cluster.data.health.answeredInMs, locale()), host: cluster.data.through })}</span>],
          [t("clusters.nodes"), all ? <NodesWell key="nodes" site={site} nodes={all} /> : "–"],
          [t("clusters.pods"), pods.all ? (
            <span key="pods">
              <Link to="/clusters/$site/pods" params={{ site }}>{count(pods.all.length)}</Link>
              {troubled > 0 && <> <Link to="/clusters/$site/pods" params={{ site }} search={{ troubled: true }}><State tone="bad">{t("clusters.troubled", { count: troubled })}</State></Link></>}
            </span>
          ) : "–"],
          [t("clusters.kubelets"), all ? <span key="kubelets" className="mono">{different(all.map(({ version }) => version)).join(", ")}</span> : "–"],
        ]} />
      )}
      {cluster.data && !cluster.data.health.ready && <Checks checks={cluster.data.health.checks} />}
      {all && <Capacity nodes={all} pods={pods.all?.filter((pod) => !isOver(pod)).length} />}
      {cluster.data && <EtcdMembers members={cluster.data.etcd} />}
      <AddOns site={site} />
      <Certificates site={site} />
      <CopyAsCli command={twin.health(site)} />
    </>
  );
}

function NodesWell({ site, nodes }: { site: string; nodes: Node[] }) {
  const t = useText();
  const well = nodes.filter(({ ready }) => ready).length;
  const tone = nodes.some((node) => nodeTone(node) === "bad") ? "bad" : nodes.some((node) => nodeTone(node) === "warn") ? "warn" : "ok";
  return <Link to="/clusters/$site/nodes" params={{ site }}><State tone={tone}>{t("clusters.readyOf", { ready: well, wanted: nodes.length })}</State></Link>;
}

/** The API server's own checks that failed. */
function Checks({ checks }: { checks: Of<"HealthCheck">[] }) {
  const t = useText();
  const failed = checks.filter(({ good }) => !good);
  if (failed.length === 0) return null;
  return (
    <Section title={t("clusters.checks")}>
      <ul className="plain-list">{failed.map(({ name, message }) => <li key={name}><State tone="bad">{name}</State> {message}</li>)}</ul>
    </Section>
  );
}

/** Of all nodes together. Where one does not say what it uses, the sum would be too small: it is unknown. */
function Capacity({ nodes, pods }: { nodes: Node[]; pods: number | undefined }) {
  const t = useText();
  const sum = (of: (node: Node) => number) => nodes.reduce((all, node) => all + of(node), 0);
  // Of a node that is down or has just come back there are no metrics: the others are measured all the same.
  const measured = nodes.filter(({ used }) => used);
  const used = (of: (node: Node) => number) => (measured.length > 0 ? measured.reduce((all, node) => all + of(node), 0) : undefined);
  const total = (of: (node: Node) => number) => (measured.length > 0 ? measured.reduce((all, node) => all + of(node), 0) : sum(of));
  const unknown = t("clusters.noMetrics");
  const without = measured.length > 0 ? nodes.filter(({ used }) => !used).map(({ name }) => name) : [];
  const others = different(nodes.flatMap(({ allocatable }) => Object.keys(allocatable.others)));
  return (
    <Section title={t("clusters.capacity")}>
      <dl className="meters">
        <div><dt>{t("clusters.cpu")}</dt><dd><Meter label={t("clusters.cpu")} used={used((node) => node.used?.cpuMillis ?? 0)} total={total((node) => node.allocatable.cpuMillis)} say={cpus} unknown={unknown} /></dd></div>
        <div><dt>{t("clusters.memory")}</dt><dd><Meter label={t("clusters.memory")} used={used((node) => node.used?.memory ?? 0)} total={total((node) => node.allocatable.memory)} say={size} unknown={unknown} /></dd></div>
        <div><dt>{t("clusters.pods")}</dt><dd><Meter label={t("clusters.pods")} used={pods} total={sum((node) => node.allocatable.pods)} say={count} /></dd></div>
        <div><dt>{t("clusters.disk")}</dt><dd><Meter label={t("clusters.disk")} used={undefined} total={sum((node) => node.allocatable.storage)} say={size} /></dd></div>
        {others.map((name) => <div key={name}><dt className="mono">{name}</dt><dd className="num">{count(sum((node) => node.allocatable.others[name] ?? 0))}</dd></div>)}
      </dl>
      {without.length > 0 && <p className="muted">{t("clusters.noMetricsOf", { nodes: without.join(", ") })}</p>}
    </Section>
  );
}

/** What etcd asks of disks: 99 of 100 writes within 10 ms. Source: etcd's own tuning guide. */
const FAST = 10;

const ms = (time: number | null | undefined, t: Text) =>
  time == null ? <span title={t("kit.unknown")}>–</span> : <State tone={time <= FAST ? "ok" : "warn"}>{t("clusters.below", { time: duration(time, locale()) })}</State>;

const etcdColumns = (t: Text, say: Say): Column<Of<"EtcdBody">>[] => [
  { id: "host", title: t("clusters.host"), width: 70, cell: ({ host }) => host },
  { id: "role", title: t("clusters.role"), width: 110, cell: ({ member, problem }) => member ? <State tone={member.hasLeader ? "ok" : "bad"}>{t(member.isLeader ? "clusters.leader" : member.hasLeader ? "clusters.follower" : "clusters.noLeader")}</State> : <span title={say(problem ?? "")}><State tone="bad">{say(problem ?? "")}</State></span> },
  { id: "version", title: t("clusters.versionOnly"), width: 80, cell: ({ member }) => <span className="mono">{member?.version ?? "–"}</span> },
  { id: "fsync", title: t("clusters.fsync"), width: 165, cell: ({ member }) => ms(member?.fsyncP99Ms, t) },
  { id: "commit", title: t("clusters.commit"), width: 140, cell: ({ member }) => ms(member?.commitP99Ms, t) },
  { id: "size", title: t("clusters.dbSize"), width: 300, grow: 2, cell: ({ member }) => member ? <Meter label={t("clusters.dbSize")} used={member.size} total={member.quota} say={size} /> : "–" },
  { id: "changes", title: t("clusters.leaderChanges"), width: 150, number: true, cell: ({ member }) => member?.leaderChanges ?? "–" },
];

function EtcdMembers({ members }: { members: Of<"EtcdBody">[] }) {
  const t = useText();
  const say = useSaid();
  const slow = members.some(({ member }) => (member?.fsyncP99Ms ?? 0) > FAST);
  return (
    <Section title="etcd">
      <DataGrid label="etcd" columns={etcdColumns(t, say)} list={{ rows: members }} rowId={({ host }) => host} empty={<EmptyState why={t("clusters.none")} />} />
      <p className="muted">{t(slow ? "clusters.etcdSlow" : "clusters.etcdSince")}</p>
    </Section>
  );
}

const addOnColumns = (t: Text): Column<Of<"AddOn">>[] => [
  { id: "name", title: t("clusters.name"), width: 150, cell: ({ name }) => name },
  { id: "state", title: t("clusters.state"), width: 160, cell: ({ well, missing }) => <State tone={well ? "ok" : "bad"}>{well ? t("clusters.well") : missing.length > 0 ? t("clusters.missing", { what: missing.join(", ") }) : t("clusters.notWell")}</State> },
  { id: "pods", title: t("clusters.pods"), width: 160, cell: ({ workloads }) => workloads.map((workload) => <Replicas key={workload.kind + workload.name} workload={workload} />) },
  { id: "images", title: t("clusters.images"), width: 260, grow: 2, cell: ({ workloads }) => <span className="mono" title={workloads.flatMap(({ images }) => images).join("\n")}>{workloads.flatMap(({ images }) => images).join(", ")}</span> },
];

/** What the site's plan brought, wanted and there. */
function AddOns({ site }: { site: string }) {
  const t = useText();
  const read = useAddOns(site);
  const list = { rows: read.data?.items, ...(!read.data && { error: read.error }) };
  if (read.error && !read.data) return null;
  return (
    <Section title={t("clusters.addOns")}>
      <DataGrid label={t("clusters.addOns")} columns={addOnColumns(t)} list={list} rowId={({ name }) => name} empty={<p className="muted">{t("clusters.noAddOns")}</p>} />
    </Section>
  );
}
