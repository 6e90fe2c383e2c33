import { getRouteApi, Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { api, type Of } from "../../api/client";
import { locale, useText, type Text } from "../../i18n";
import { Ago, Button, CopyAsCli, DataGrid, EmptyState, Select, State, type Column, type Tone } from "../../kit";
import { ClusterPage, Reach } from "./cluster";
import { at, useAll } from "./data";
import { Share } from "./meter";
import { twin } from "./twin";

const route = getRouteApi("/inside/clusters/$site/nodes");

type Node = Of<"ClusterNode">;

export function nodeTone(node: Node): Tone {
  if (!node.ready) return "bad";
  return !node.schedulable || node.conditions.some(({ good }) => !good) ? "warn" : "ok";
}

/** How a node is, in words: the first thing that is not as it should be. */
export function NodeState({ node }: { node: Node }) {
  const t = useText();
  const wrong = node.conditions.find(({ good, type }) => !good && type !== "Ready");
  const text = !node.ready ? t("clusters.notReady") : wrong ? wrong.type : node.schedulable ? t("clusters.ready") : t("clusters.cordoned");
  return <State tone={nodeTone(node)}>{text}</State>;
}

const columns = (site: string, t: Text): Column<Node>[] => [
  { id: "name", title: t("clusters.node"), width: 120, grow: 2, sort: "name", cell: ({ name }) => <Link to="/clusters/$site/nodes/$node" params={{ site, node: name }}>{name}</Link> },
  { id: "state", title: t("clusters.state"), width: 130, sort: "state", cell: (node) => <NodeState node={node} /> },
  { id: "roles", title: t("clusters.roles"), width: 164, cell: ({ roles }) => roles.join(", ") },
  { id: "cpu", title: t("clusters.cpu"), width: 110, sort: "cpu", cell: ({ used, allocatable }) => <Share used={used?.cpuMillis} total={allocatable.cpuMillis} label={t("clusters.cpu")} /> },
  { id: "memory", title: t("clusters.memory"), width: 110, sort: "memory", cell: ({ used, allocatable }) => <Share used={used?.memory} total={allocatable.memory} label={t("clusters.memory")} /> },
  { id: "version", title: t("clusters.version"), width: 112, sort: "version", cell: ({ version }) => <span className="mono">{version}</span> },
  { id: "address", title: t("clusters.address"), width: 120, cell: ({ addresses }) => <span className="mono">{addresses.join(", ")}</span> },
  { id: "since", title: t("clusters.since"), width: 100, sort: "since", cell: ({ since }) => <Ago at={at(since)} /> },
];

const share = (used: number | undefined, total: number) => (used === undefined || total === 0 ? -1 : used / total);
const keys = {
  name: ({ name }: Node) => name,
  state: (node: Node) => ["bad", "warn", "ok"].indexOf(nodeTone(node)),
  cpu: ({ used, allocatable }: Node) => share(used?.cpuMillis, allocatable.cpuMillis),
  memory: ({ used, allocatable }: Node) => share(used?.memory, allocatable.memory),
  version: ({ version }: Node) => version,
  since: ({ since }: Node) => at(since) ?? 0,
};
const words = ({ name, roles, version, addresses, ready }: Node) => [name, ...roles, version, ...addresses, ready ? "Ready" : "NotReady"].join(" ");

export const useNodes = (site: string) =>
  useAll([site, "nodes"], (query) => api.GET("/api/v1/clusters/{site}/nodes", { params: { path: { site }, query } }), { keys, sort: "name", words });

/** A cluster's nodes, as a table or as a map. */
export function Nodes() {
  const t = useText();
  const { site } = route.useParams();
  const list = useNodes(site);
  const [map, setMap] = useState(false);
  const other = <Button onClick={() => setMap(!map)}>{t(map ? "clusters.asTable" : "clusters.asMap")}</Button>;
  return (
    <ClusterPage site={site}>
      <Reach site={site} list={list} />
      {(list.all || !list.error) && (
        <>
          {map && list.all ? <NodeMap site={site} nodes={list.all} other={other} /> : (
            <DataGrid label={t("clusters.nodes")} columns={columns(site, t)} list={list.grid} rowId={({ name }) => name} search={asTyped} empty={<EmptyState why={t("clusters.noNodes")} />} tools={other} />
          )}
        </>
      )}
      <CopyAsCli command={twin.nodes(site)} />
    </ClusterPage>
  );
}

export const asTyped = (typed: string) => typed;

/** A cell a node, the fuller the higher its bar; the table beside it is its twin. */
function NodeMap({ site, nodes, other }: { site: string; nodes: Node[]; other: ReactNode }) {
  const t = useText();
  const [of, setOf] = useState<"cpu" | "memory">("cpu");
  const percent = new Intl.NumberFormat(locale(), { style: "percent" });
  return (
    <>
      <div className="grid-tools"><Select label={t("clusters.mapOf")} value={of} onChange={(value) => setOf(value === "memory" ? "memory" : "cpu")}
        options={[{ value: "cpu", label: t("clusters.cpu") }, { value: "memory", label: t("clusters.memory") }]} />{other}</div>
      <ul className="node-map">
        {nodes.map((node) => {
          const full = keys[of](node);
          const said = full < 0 ? t("clusters.noMetrics") : percent.format(full);
          return (
            <li key={node.name} className={`node-cell node-${nodeTone(node)}`}>
              <Link to="/clusters/$site/nodes/$node" params={{ site, node: node.name }} title={said}>
                {full >= 0 && <span className="node-fill" style={{ height: `${Math.min(1, full) * 100}%` }} />}
                <span className="node-name">{node.name}</span>
                <span className="node-said num">{full < 0 ? "–" : said}</span>
                {nodeTone(node) !== "ok" && <NodeState node={node} />}
              </Link>
            </li>
          );
        })}
      </ul>
    </>
  );
}
