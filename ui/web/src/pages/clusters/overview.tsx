import { getRouteApi } from "@tanstack/react-router";
import { api } from "../../api/client";
import { useRead } from "../../api/data";
import { useText } from "../../i18n";
import { Ago, Facts, Page, Problem, Section, Skeleton, State } from "../../kit";

const route = getRouteApi("/inside/clusters/$site");

/** One cluster: what its site says, and how it is now. */
export function ClusterOverview() {
  const t = useText();
  const { site: name } = route.useParams();
  const site = useRead(["sites", name], () => api.GET("/api/v1/sites/{name}", { params: { path: { name } } }));
  if (!site.data) return <Page title={name}>{site.error ? <Problem error={site.error} retry={() => void site.refetch()} /> : <Skeleton />}</Page>;
  const { hosts, founded, changedAt, by } = site.data;
  return (
    <Page title={name}>
      <Facts of={[
        [t("clusters.hosts"), hosts],
        [t("clusters.changed"), <Ago key="changed" at={changedAt} />],
        [t("clusters.by"), by],
      ]} />
      {founded && <Health site={name} />}
    </Page>
  );
}

/** What the cluster's API server says of itself. No stream tells of it: it is asked now and then. */
function Health({ site }: { site: string }) {
  const t = useText();
  const cluster = useRead(["clusters", site], () => api.GET("/api/v1/clusters/{site}", { params: { path: { site } } }), { every: 10_000 });
  const health = cluster.data?.health;
  return (
    <Section title={t("clusters.health")}>
      <Problem error={cluster.error} title={t("clusters.unreachable")} />
      {!health && !cluster.error && <Skeleton />}
      {health && (
        <Facts of={[
          [t("clusters.version"), <code key="version">{health.version}</code>],
          [t("clusters.state"), <State key="state" tone={health.ready ? "ok" : "bad"}>{t(health.ready ? "clusters.ready" : "clusters.notReady")}</State>],
          [t("clusters.through"), cluster.data?.through],
        ]} />
      )}
    </Section>
  );
}
