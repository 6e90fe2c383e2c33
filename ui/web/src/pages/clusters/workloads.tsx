import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Of } from "../../api/client";
import { useText, type Text } from "../../i18n";
import { Ago, CopyAsCli, DataGrid, EmptyState, Select, State, type Column, type Tone } from "../../kit";
import { ClusterPage, Reach } from "./cluster";
import { at, useAll } from "./data";
import { asTyped } from "./nodes";
import { twin } from "./twin";

const route = getRouteApi("/inside/clusters/$site/workloads");

type Workload = Of<"Workload">;
const KINDS = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"] as const;

const tone = ({ well, suspended, kind, wanted, ready }: Workload): Tone => {
  if (suspended) return "wait";
  if (!well) return "bad";
  return kind === "Job" && wanted != null && ready < wanted ? "run" : "ok";
};

export function WorkloadState({ workload }: { workload: Workload }) {
  const t = useText();
  const { suspended, well, failed } = workload;
  const text = suspended ? t("clusters.suspended") : well ? t("clusters.well") : failed > 0 ? t("clusters.failedPods", { count: failed }) : t("clusters.notWell");
  return <State tone={tone(workload)}>{text}</State>;
}

/** Ready of wanted, a mark for each pod while they can be counted by eye. */
export function Replicas({ workload: { wanted, ready, kind } }: { workload: Workload }) {
  const t = useText();
  if (wanted == null) return <span className="num">{t("clusters.running", { count: ready })}</span>;
  const label = t(kind === "Job" ? "clusters.succeededOf" : "clusters.readyOf", { ready, wanted });
  return (
    <span className="replicas" title={label}>
      <span className="unseen">{label}</span>
      {wanted <= 10 && Array.from({ length: wanted }, (_, place) => <span key={place} aria-hidden="true" className={place < ready ? "replica replica-on" : "replica"} />)}
      <span className="num" aria-hidden="true">{ready}/{wanted}</span>
    </span>
  );
}

const columns = (site: string, t: Text): Column<Workload>[] => [
  { id: "name", title: t("clusters.name"), width: 180, grow: 2, sort: "name", cell: (workload) => <ToPods site={site} workload={workload} /> },
  { id: "kind", title: t("clusters.kind"), width: 112, sort: "kind", cell: ({ kind }) => kind },
  { id: "namespace", title: t("clusters.namespace"), width: 130, sort: "namespace", cell: ({ namespace }) => namespace },
  { id: "state", title: t("clusters.state"), width: 140, sort: "state", cell: (workload) => <WorkloadState workload={workload} /> },
  { id: "replicas", title: t("clusters.pods"), width: 130, cell: (workload) => <Replicas workload={workload} /> },
  { id: "images", title: t("clusters.images"), width: 190, grow: 2, cell: ({ images, schedule }) => <span className="mono" title={images.join("\n")}>{schedule ? `${schedule} · ` : ""}{images.join(", ")}</span> },
  { id: "since", title: t("clusters.since"), width: 100, sort: "since", cell: ({ since }) => <Ago at={at(since)} /> },
];

/** Its pods. Those of a CronJob belong to its Jobs. */
function ToPods({ site, workload: { kind, namespace, name } }: { site: string; workload: Workload }) {
  if (kind === "CronJob") return <span title={name}>{name}</span>;
  return <Link to="/clusters/$site/pods" params={{ site }} search={{ namespace, owner: `${kind}/${name}` }} title={name}>{name}</Link>;
}

const keys = {
  name: ({ name }: Workload) => name,
  kind: ({ kind }: Workload) => KINDS.indexOf(kind),
  namespace: ({ namespace }: Workload) => namespace,
  state: (workload: Workload) => ["bad", "warn", "run", "wait", "ok"].indexOf(tone(workload)),
  since: ({ since }: Workload) => at(since) ?? 0,
};
const words = ({ kind, namespace, name, images }: Workload) => [kind, namespace, name, ...images].join(" ");

/** What keeps pods: Deployments and their like, those that are not well first. */
export function Workloads() {
  const t = useText();
  const { site } = route.useParams();
  const [kind, setKind] = useState("");
  const only = (workload: Workload) => !kind || workload.kind === kind;
  const list = useAll([site, "workloads"], (query) => api.GET("/api/v1/clusters/{site}/workloads", { params: { path: { site }, query } }), { keys, sort: "state", words, only });
  return (
    <ClusterPage site={site}>
      <Reach site={site} list={list} />
      {(list.all || !list.error) && (
        <DataGrid label={t("clusters.workloads")} columns={columns(site, t)} list={list.grid} rowId={({ kind: of, namespace, name }) => `${of}/${namespace}/${name}`} search={asTyped}
            tools={<Select label={t("clusters.kind")} value={kind} onChange={setKind} options={[{ value: "", label: t("clusters.allKinds") }, ...KINDS.map((name) => ({ value: name, label: name }))]} />}
            empty={<EmptyState why={t(list.all?.length ? "kit.noneFound" : "clusters.noWorkloads")} />} />
      )}
      <CopyAsCli command={twin.workloads(site)} />
    </ClusterPage>
  );
}
