import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { api, type Item } from "../../api/client";
import { filterValue, useChange, useList, useRead } from "../../api/data";
import { Trouble } from "../../api/problem";
import { me } from "../../api/session";
import { locale, useText, type Text } from "../../i18n";
import { Ago, Banner, Button, CopyAsCli, DataGrid, EmptyState, Page, Problem, State, type Column } from "../../kit";
import { Credentials } from "./credentials";
import { accelerators, disks, realNics, size, type Survey, type Surveyed } from "./facts";
import { HostDrawer } from "./host";
import { Scanned } from "./scanned";
import "./hosts.css";

const route = getRouteApi("/inside/hosts/$site");
type Host = Item<"List_Host">;

/** The hosts of a site: how they are reached, what they are, and what keeps them away. */
export function SiteHosts() {
  const t = useText();
  const navigate = useNavigate();
  const { site } = route.useParams();
  const { host: open } = route.useSearch();
  const may = useQuery(me).data?.role !== "viewer";
  const path = { params: { path: { name: site } } };
  const list = useList("sites", (query) => api.GET("/api/v1/sites/{name}/hosts", { params: { path: { name: site }, query } }), { key: [site, "hosts"] });
  const survey = useRead(["checks", site, "survey"], () => api.GET("/api/v1/sites/{name}/survey", path));
  const scan = useChange(() => api.POST("/api/v1/sites/{name}/scan", path));
  const check = useChange(() => api.POST("/api/v1/sites/{name}/checks", path));
  const facts = (survey.data as unknown as Survey | undefined)?.hosts ?? {};
  const show = (host: string | undefined) => void navigate({ to: "/hosts/$site", params: { site }, search: host ? { host } : {}, replace: true });
  const unread = survey.error && !(survey.error instanceof Trouble && survey.error.kind === "not-found");
  const shown = list.rows?.find(({ name }) => name === open);
  const actions = (
    <>
      <Button busy={scan.isPending} onClick={() => scan.mutate(undefined)}>{t("hosts.scan")}</Button>
      <Button kind="primary" busy={check.isPending} onClick={() => check.mutate(undefined)}>{t("hosts.check")}</Button>
    </>
  );
  return (
    <Page title={t("hosts.of", { site })} lead={t("hosts.lead")} {...(may && { actions })}>
      {(scan.isPending || check.isPending) && <p className="muted" role="status">{t("hosts.connecting")}</p>}
      <Problem error={scan.error} title={t("hosts.notScanned")} />
      <Problem error={check.error} title={t("hosts.notChecked")} />
      {scan.data && !scan.isPending && <Scanned site={site} scan={scan.data} again={() => scan.mutate(undefined)} />}
      {check.data && !check.isPending && <Banner tone={check.data.stopping > 0 ? "warning" : "success"} title={t("hosts.checked", { count: check.data.stopping })} />}
      {unread && <Problem error={survey.error} title={t("hosts.factsNotRead")} retry={() => void survey.refetch()} />}
      <DataGrid label={t("hosts.title")} columns={columns(t, facts, show)} list={list} rowId={({ name }) => name} search={byName} empty={<EmptyState why={t("hosts.empty")} />} />
      <CopyAsCli command={`armilla host scan -s ${site}\narmilla check -s ${site}`} />
      <Credentials site={site} may={may} />
      {shown && <HostDrawer site={site} host={shown} surveyed={facts[shown.name]} onClose={() => show(undefined)} />}
    </Page>
  );
}

const byName = (typed: string) => (/^[\d.:]+$/.test(typed) ? `address~${filterValue(typed)}` : `name~${filterValue(typed)}`);

const roles = (t: Text, { controlPlane, worker }: Host) => [controlPlane && t("hosts.controlPlane"), worker && t("hosts.worker")].filter(Boolean).join(" + ");

function columns(t: Text, facts: Record<string, Surveyed>, open: (host: string) => void): Column<Host>[] {
  const known = (host: Host) => facts[host.name]?.facts;
  const unknown = <span className="muted" title={t("hosts.notSurveyed")}>–</span>;
  return [
    { id: "name", title: t("hosts.name"), width: 80, grow: 2, sort: "name", cell: ({ name }) => <button type="button" className="link" onClick={() => open(name)}>{name}</button> },
    { id: "address", title: t("hosts.address"), width: 118, grow: 2, sort: "address", cell: ({ user, address, port }) => <span className="mono" title={`${user}@${address}:${port}`}>{address}{port === 22 ? "" : `:${port}`}</span> },
    { id: "roles", title: t("hosts.roles"), width: 178, cell: (host) => roles(t, host) },
    { id: "state", title: t("hosts.state"), width: 122, cell: ({ surveyed, ours }) => (ours ? <State tone="ok">{t("hosts.member")}</State> : surveyed ? <State tone="wait">{t("hosts.bare")}</State> : <State tone="wait">{t("hosts.unseen")}</State>) },
    { id: "os", title: t("hosts.os"), width: 138, grow: 2, cell: (host) => { const name = known(host)?.os?.prettyName; return name ? <span title={name}>{name}</span> : unknown; } },
    { id: "arch", title: t("hosts.arch"), width: 78, cell: (host) => known(host)?.machine ?? unknown },
    { id: "cpu", title: t("hosts.cpu"), width: 68, number: true, cell: (host) => known(host)?.cpu.count ?? unknown },
    { id: "memory", title: t("hosts.memory"), width: 84, number: true, cell: (host) => { const memory = known(host)?.memory; return memory ? size(memory.total, locale()) : unknown; } },
    { id: "disks", title: t("hosts.disks"), width: 84, cell: (host) => { const own = known(host); return own ? disks(own, locale()) || "0" : unknown; } },
    { id: "nics", title: t("hosts.nics"), width: 96, cell: (host) => { const own = known(host); return own ? realNics(own).map(({ name }) => name).join(", ") : unknown; } },
    { id: "accelerators", title: t("hosts.accelerators"), width: 120, cell: (host) => { const own = known(host); return own ? accelerators(own.accelerators) || t("hosts.none") : unknown; } },
    { id: "seen", title: t("hosts.seen"), width: 100, cell: (host) => { const own = facts[host.name]; return own ? <Ago at={own.surveyedUnixNs / 1e6} /> : unknown; } },
  ];
}
