import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api, type Of } from "../../api/client";
import { locale, useText, type Text } from "../../i18n";
import { Ago, Check, clock, CopyAsCli, DataGrid, EmptyState, Section, Select, State, useNow, type Column } from "../../kit";
import { different } from "./arrange";
import { ClusterPage, Reach } from "./cluster";
import { at, useAll } from "./data";
import { asTyped } from "./nodes";
import { twin } from "./twin";
import { histogram } from "./when";

const route = getRouteApi("/inside/clusters/$site/events");

type Event = Of<"ClusterEvent">;

const columns = (site: string, t: Text): Column<Event>[] => [
  { id: "last", title: t("clusters.lastSeen"), width: 110, sort: "last", cell: ({ last }) => <Ago at={at(last)} /> },
  { id: "type", title: t("clusters.type"), width: 90, sort: "type", cell: ({ warning }) => (warning ? <State tone="warn">{t("clusters.warning")}</State> : <span className="muted">{t("clusters.normal")}</span>) },
  { id: "reason", title: t("clusters.reason"), width: 150, sort: "reason", cell: ({ reason }) => reason },
  { id: "object", title: t("clusters.object"), width: 210, grow: 1, sort: "object", cell: (event) => <About site={site} event={event} /> },
  { id: "message", title: t("clusters.message"), width: 320, grow: 4, cell: ({ message }) => <span title={message}>{message}</span> },
  { id: "count", title: t("clusters.times"), width: 70, number: true, sort: "count", cell: ({ count }) => count },
];

function About({ site, event: { object: { kind, name }, namespace } }: { site: string; event: Event }) {
  if (kind === "Pod") return <Link to="/clusters/$site/pods/$namespace/$pod" params={{ site, namespace, pod: name }} title={`${namespace}/${name}`}>{name}</Link>;
  if (kind === "Node") return <Link to="/clusters/$site/nodes/$node" params={{ site, node: name }}>{name}</Link>;
  return <span title={`${namespace}/${name}`}>{kind} {name}</span>;
}

const keys = {
  last: ({ last }: Event) => at(last) ?? 0,
  type: ({ warning }: Event) => (warning ? 0 : 1),
  reason: ({ reason }: Event) => reason,
  object: ({ object }: Event) => `${object.kind} ${object.name}`,
  count: ({ count }: Event) => count,
};
const words = ({ namespace, reason, message, object, source }: Event) => [namespace, reason, message, object.kind, object.name, source].join(" ");
const rowId = ({ namespace, object, reason, message, first }: Event) => [namespace, object.kind, object.name, reason, message, first].join("/");

/** What Kubernetes noted in the last hour: when, as a picture, and what. */
export function Events() {
  const t = useText();
  const { site } = route.useParams();
  const [namespace, setNamespace] = useState("");
  const [warnings, setWarnings] = useState(false);
  const only = (event: Event) => (!namespace || event.namespace === namespace) && (!warnings || event.warning);
  const list = useAll([site, "events"], (query) => api.GET("/api/v1/clusters/{site}/events", { params: { path: { site }, query } }), { keys, sort: "-last", words, only });
  const namespaces = useMemo(() => different((list.all ?? []).map((event) => event.namespace)), [list.all]);
  return (
    <ClusterPage site={site}>
      <Reach site={site} list={list} />
      {(list.all || !list.error) && (
        <>
          {list.all && <Hour events={list.all.filter(only)} />}
          <DataGrid label={t("clusters.events")} columns={columns(site, t)} list={list.grid} rowId={rowId} search={asTyped} tools={<>
            <Select label={t("clusters.namespace")} value={namespace} onChange={setNamespace} options={[{ value: "", label: t("clusters.allNamespaces") }, ...namespaces.map((name) => ({ value: name, label: name }))]} />
            <Check label={t("clusters.onlyWarnings")} checked={warnings} onChange={setWarnings} />
          </>} empty={<EmptyState why={t(list.all?.length ? "kit.noneFound" : "clusters.noEvents")} />} />
        </>
      )}
      <CopyAsCli command={twin.events(site)} />
    </ClusterPage>
  );
}

/** Those of one object. */
export function EventList({ site, about, kind, namespace }: { site: string; about: string; kind: string; namespace?: string }) {
  const t = useText();
  const fields = `involvedObject.name=${about},involvedObject.kind=${kind}`;
  const list = useAll([site, "events", kind, namespace, about], (query) =>
    api.GET("/api/v1/clusters/{site}/events", { params: { path: { site }, query: { ...query, fields, ...(namespace && { namespace }) } } }), { keys, sort: "-last", words });
  return (
    <Section title={t("clusters.events")}>
      {list.all && <Reach site={site} list={list} />}
      {(list.all || !list.error) && (
        <DataGrid label={t("clusters.events")} columns={columns(site, t).filter(({ id }) => id !== "object")} list={list.grid} rowId={rowId} empty={<p className="muted">{t("clusters.noEvents")}</p>} />
      )}
    </Section>
  );
}

/** When they were last seen, in spans of five minutes: warnings hatched above the others. The table below says the same. */
function Hour({ events }: { events: Event[] }) {
  const t = useText();
  const now = Math.floor(useNow() / 60_000) * 60_000 + 60_000;
  const buckets = histogram(events.map(({ last, warning }) => ({ at: at(last), warning })), now);
  const most = Math.max(1, ...buckets.map(({ normal, warning }) => normal + warning));
  const warnings = buckets.reduce((sum, { warning }) => sum + warning, 0);
  const all = buckets.reduce((sum, { normal }) => sum + normal, warnings);
  return (
    <figure className="hour">
      <figcaption>{t("clusters.hour", { count: all, warnings })}</figcaption>
      <div className="hour-bars" aria-hidden="true">
        {buckets.map(({ from, normal, warning }) => (
          <div key={from} className="hour-bar" title={t("clusters.hourSpan", { from: clock(from, locale()), normal, warning })}>
            <span className="hour-warning" style={{ height: `${(warning / most) * 100}%` }} />
            <span className="hour-normal" style={{ height: `${(normal / most) * 100}%` }} />
          </div>
        ))}
      </div>
      <div className="hour-axis muted" aria-hidden="true">
        <span>{clock(buckets[0]?.from ?? now, locale()).slice(0, 5)}</span><span>{clock((buckets.at(-1)?.from ?? now) + 5 * 60_000, locale()).slice(0, 5)}</span>
      </div>
    </figure>
  );
}
