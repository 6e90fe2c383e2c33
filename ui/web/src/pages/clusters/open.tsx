/** What is put into the dock: terminals and logs. The terminal's program is fetched when the first one is opened. */
import { lazy, Suspense, type ReactNode } from "react";
import { useSuspenseQuery } from "@tanstack/react-query";
import { me } from "../../api/session";
import { useText } from "../../i18n";
import { Button, dock, Skeleton } from "../../kit";
import { LogView } from "./logview";

const Terminal = lazy(() => import("./terminal").then(({ Terminal }) => ({ default: Terminal })));

const waiting = (content: ReactNode) => <Suspense fallback={<Skeleton rows={1} />}>{content}</Suspense>;

/** Whether the user may open terminals and take the kubeconfig. */
export function useMay(role: "operator" | "admin"): boolean {
  const { data } = useSuspenseQuery(me);
  const ranks = ["viewer", "operator", "admin"];
  return ranks.indexOf(data.role) >= ranks.indexOf(role);
}

const part = encodeURIComponent;

/** Into a container of a pod. */
export function PodTerminal({ site, namespace, pod, container }: { site: string; namespace: string; pod: string; container: string }) {
  const t = useText();
  const may = useMay("operator");
  const label = t("clusters.terminalIn", { where: `${pod} / ${container}` });
  const open = () =>
    dock({
      id: `exec-${site}-${namespace}-${pod}-${container}`.replace(/[^\w-]/g, "-"),
      title: `${pod} / ${container}`,
      content: waiting(<Terminal path={`/api/v1/clusters/${part(site)}/pods/${part(namespace)}/${part(pod)}/exec`} query={{ container }} label={label} />),
    });
  return <Button onClick={open} disabled={!may} label={may ? label : t("clusters.needsOperator", { what: label })}>{t("clusters.terminal")}</Button>;
}

/** Root's shell on a host, over SSH: it is there when the cluster is not. */
export function HostTerminal({ site, host }: { site: string; host: string }) {
  const t = useText();
  const may = useMay("operator");
  const label = t("clusters.terminalOn", { host });
  const open = () =>
    dock({
      id: `shell-${site}-${host}`.replace(/[^\w-]/g, "-"),
      title: `root@${host}`,
      content: waiting(<Terminal path={`/api/v1/sites/${part(site)}/hosts/${part(host)}/shell`} label={label} />),
    });
  return <Button onClick={open} disabled={!may} label={may ? label : t("clusters.needsOperator", { what: label })}>{t("clusters.terminal")}</Button>;
}

/** Keeps a log in sight while one walks from page to page. */
export function DockLog({ site, namespace, pod, container }: { site: string; namespace: string; pod: string; container: string }) {
  const t = useText();
  const open = () =>
    dock({
      id: `log-${site}-${namespace}-${pod}-${container}`.replace(/[^\w-]/g, "-"),
      title: t("clusters.logOf", { where: `${pod} / ${container}` }),
      content: <LogView site={site} namespace={namespace} pod={pod} container={container} />,
    });
  return <Button onClick={open}>{t("clusters.toDock")}</Button>;
}
