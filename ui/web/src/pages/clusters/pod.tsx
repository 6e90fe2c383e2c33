import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Of } from "../../api/client";
import { useText, type Text } from "../../i18n";
import { Ago, CopyAsCli, Copyable, DataGrid, EmptyState, Facts, Section, Select, Skeleton, State, type Column, type Tone } from "../../kit";
import { ailments, podTone } from "./ailment";
import { ClusterPage, Unreached } from "./cluster";
import { at, usePod } from "./data";
import { EventList } from "./events";
import { LogView } from "./logview";
import { PodTerminal } from "../../parts/terminal";
import { DockLog } from "./open";
import { Ailing } from "./ailing";
import { twin } from "./twin";

const route = getRouteApi("/inside/clusters/$site/pods/$namespace/$pod");

type Pod = Of<"Pod">;
type Container = Of<"Container">;

/** One pod: what ails it, its containers, what they write, and what Kubernetes noted of it. */
export function PodPage() {
  const t = useText();
  const { site, namespace, pod: name } = route.useParams();
  const pod = usePod(site, namespace, name);
  const [chosen, choose] = useState("");
  const containers = pod.data?.containers ?? [];
  const first = containers.find(({ init }) => !init) ?? containers[0];
  const shown = containers.find((container) => container.name === chosen) ?? first;
  return (
    <ClusterPage site={site} title={name}>
      <Unreached site={site} error={pod.error} readAt={pod.data ? pod.dataUpdatedAt : 0} retry={() => void pod.refetch()} />
      {!pod.data && !pod.error && <Skeleton />}
      {pod.data && (
        <>
          {ailments(pod.data).map((ailment) => <Ailing key={`${ailment.kind}${ailment.container?.name}`} site={site} pod={pod.data} ailment={ailment} />)}
          <What site={site} pod={pod.data} />
          <Containers site={site} pod={pod.data} />
          {shown && (
            <Section title={t("clusters.log")} actions={
              <div className="row">
                {containers.length > 1 && <Select label={t("clusters.container")} value={shown.name} onChange={choose} options={containers.map((container) => ({ value: container.name, label: container.name }))} />}
                <DockLog site={site} namespace={namespace} pod={name} container={shown.name} />
              </div>
            }>
              <LogView key={shown.name} site={site} namespace={namespace} pod={name} container={shown.name} />
            </Section>
          )}
        </>
      )}
      <EventList site={site} about={name} kind="Pod" namespace={namespace} />
      <CopyAsCli command={twin.pod(site, namespace, name, containers.length > 1 ? shown?.name : undefined)} />
    </ClusterPage>
  );
}

function What({ site, pod }: { site: string; pod: Pod }) {
  const t = useText();
  const { namespace, owner, node, address, restarts, since } = pod;
  return (
    <Facts of={[
      [t("clusters.state"), <State key="state" tone={podTone(pod)}>{pod.status}</State>],
      [t("clusters.namespace"), <Link key="namespace" to="/clusters/$site/pods" params={{ site }} search={{ namespace }}>{namespace}</Link>],
      [t("clusters.owner"), owner ? <Link key="owner" to="/clusters/$site/pods" params={{ site }} search={{ namespace, owner: `${owner.kind}/${owner.name}` }}>{owner.kind} {owner.name}</Link> : t("clusters.none")],
      [t("clusters.node"), node ? <Link key="node" to="/clusters/$site/nodes/$node" params={{ site, node }}>{node}</Link> : t("clusters.noNodeYet")],
      [t("clusters.address"), address ? <Copyable key="address" value={address} what={t("clusters.address")} /> : "–"],
      [t("clusters.restarts"), restarts],
      [t("clusters.since"), <Ago key="since" at={at(since)} />],
    ]} />
  );
}

const tone = ({ state, ready, init }: Container): Tone => (ready || (init && state === "Completed") ? "ok" : state === "Running" ? "warn" : state === "Waiting" || state === "ContainerCreating" || state === "PodInitializing" ? "wait" : state === "Completed" ? "ok" : "bad");

function Containers({ site, pod }: { site: string; pod: Pod }) {
  const t = useText();
  return (
    <Section title={t("clusters.containers")}>
      <DataGrid label={t("clusters.containers")} columns={containerColumns(site, pod, t)} list={{ rows: pod.containers }} rowId={({ name }) => name} empty={<EmptyState why={t("clusters.none")} />} />
    </Section>
  );
}

const containerColumns = (site: string, { namespace, name: pod }: Pod, t: Text): Column<Container>[] => [
  { id: "name", title: t("clusters.container"), width: 140, cell: ({ name, init }) => <>{name}{init && <span className="muted"> {t("clusters.init")}</span>}</> },
  { id: "state", title: t("clusters.state"), width: 170, cell: (container) => <State tone={tone(container)}>{container.state}</State> },
  { id: "restarts", title: t("clusters.restarts"), width: 90, number: true, cell: ({ restarts }) => restarts },
  { id: "exit", title: t("clusters.lastExit"), width: 90, number: true, cell: ({ exitCode }) => exitCode ?? "–" },
  { id: "image", title: t("clusters.image"), width: 240, grow: 3, cell: ({ image }) => <span className="mono" title={image}>{image}</span> },
  { id: "shell", title: t("parts.terminal"), width: 110, cell: ({ name, state }) => state === "Running" ? <PodTerminal site={site} namespace={namespace} pod={pod} container={name} /> : <span title={t("clusters.notRunning")}>–</span> },
];
