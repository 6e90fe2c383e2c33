import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { api } from "../../api/client";
import { useRead } from "../../api/data";
import { Trouble } from "../../api/problem";
import { useText } from "../../i18n";
import { ButtonLink, EmptyState, Page, Problem, Skeleton, Stale } from "../../kit";
import { HostTerminal } from "../../parts/terminal";
import { WHOLE } from "./whole";
import "./clusters.css";

type Props = {
  site: string;
  /** The page's own name under the cluster's, such as a node's. */
  title?: string;
  actions?: ReactNode;
  children: ReactNode;
};

const TABS = [
  ["/clusters/$site", "clusters.overview"],
  ["/clusters/$site/nodes", "clusters.nodes"],
  ["/clusters/$site/workloads", "clusters.workloads"],
  ["/clusters/$site/pods", "clusters.pods"],
  ["/clusters/$site/events", "clusters.events"],
] as const;

/** What stands around every page of one cluster. A site that is not installed has no such pages, and says so. */
export function ClusterPage({ site, title, actions, children }: Props) {
  const t = useText();
  const read = useRead(["sites", site], () => api.GET("/api/v1/sites/{name}", { params: { path: { name: site } } }));
  if (!read.data) return <Page title={title ?? site}>{read.error ? <Problem error={read.error} retry={() => void read.refetch()} /> : <Skeleton />}</Page>;
  return (
    <Page title={title ?? site} {...(title && { lead: t("clusters.of", { site }) })} {...(actions && read.data.founded && { actions })}>
      {read.data.founded ? (
        <>
          <nav className="tabs" aria-label={t("clusters.pagesOf", { site })}>
            {TABS.map(([to, text], place) => (
              <Link key={to} to={to} params={{ site }} activeOptions={{ exact: place === 0, includeSearch: false }} activeProps={{ "aria-current": "page" }}>{t(text)}</Link>
            ))}
          </nav>
          {children}
        </>
      ) : (
        <EmptyState why={t("clusters.notInstalled", { count: read.data.hosts })}>
          <div className="row">
            <ButtonLink to="/install/$site" params={{ site }} kind="primary">{t("clusters.install")}</ButtonLink>
            <ButtonLink to="/hosts/$site" params={{ site }}>{t("clusters.toHosts")}</ButtonLink>
          </div>
        </EmptyState>
      )}
    </Page>
  );
}

type UnreachedProps = {
  site: string;
  error: Error | null | undefined;
  /** When what is shown was true, in Unix milliseconds; 0: nothing is shown. */
  readAt?: number;
  retry?: () => void;
};

/** The cluster did not answer, and what can be done without it: SSH leads to its hosts still. */
export function Unreached({ site, error, readAt = 0, retry }: UnreachedProps) {
  const t = useText();
  if (!error) return null;
  const down = error instanceof Trouble && error.kind === "upstream";
  return (
    <Problem error={error} shown={WHOLE} {...(down && { title: t("clusters.unreachable") })} {...(retry && { retry })}>
      {readAt > 0 && <p><Stale at={readAt} /> {t("clusters.asItWas")}</p>}
      {down && <Hosts site={site} />}
    </Problem>
  );
}

/** The hosts of the site's text: the server knows them without the cluster. */
function Hosts({ site }: { site: string }) {
  const t = useText();
  const hosts = useRead(["sites", site, "hosts", "planes"], () => api.GET("/api/v1/sites/{name}/hosts", { params: { path: { name: site }, query: { filter: "controlPlane=true" } } }));
  const planes = hosts.data?.items ?? [];
  if (planes.length === 0) return null;
  return (
    <>
      <p>{t("clusters.stillByHost")}</p>
      <ul className="plain-list">
        {planes.map(({ name, address }) => <li key={name} className="row"><span>{name} <span className="mono muted">{address}</span></span> <HostTerminal site={site} host={name} /></li>)}
      </ul>
    </>
  );
}

/** For a list: what stands in its way, and since when it is as it is. */
export function Reach({ site, list }: { site: string; list: { error: Error | null; readAt: number; retry: () => void; all: unknown } }) {
  return <Unreached site={site} error={list.error} readAt={list.all ? list.readAt : 0} retry={list.retry} />;
}
