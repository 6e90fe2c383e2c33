/** Terminals that go into the dock. Their program is fetched when the first one is opened. */
import { lazy, Suspense, type ReactNode } from "react";
import { useMay } from "../../api/session";
import { useText } from "../../i18n";
import { Button, dock, Skeleton } from "../../kit";

const Terminal = lazy(() => import("./terminal").then(({ Terminal }) => ({ default: Terminal })));

const waiting = (content: ReactNode) => <Suspense fallback={<Skeleton rows={1} />}>{content}</Suspense>;

const part = encodeURIComponent;

/** Into a container of a pod. */
export function PodTerminal({ site, namespace, pod, container }: { site: string; namespace: string; pod: string; container: string }) {
  const t = useText();
  const may = useMay("operator");
  const label = t("parts.terminalIn", { where: `${pod} / ${container}` });
  const open = () =>
    dock({
      id: `exec-${site}-${namespace}-${pod}-${container}`.replace(/[^\w-]/g, "-"),
      title: `${pod} / ${container}`,
      content: waiting(<Terminal path={`/api/v1/clusters/${part(site)}/pods/${part(namespace)}/${part(pod)}/exec`} query={{ container }} label={label} />),
    });
  return <Button onClick={open} disabled={!may} label={may ? label : t("parts.needsOperator", { what: label })}>{t("parts.terminal")}</Button>;
}

/** Root's shell on a host, over SSH: it is there when the cluster is not. */
export function HostTerminal({ site, host }: { site: string; host: string }) {
  const t = useText();
  const may = useMay("operator");
  const label = t("parts.terminalOn", { host });
  const open = () =>
    dock({
      id: `shell-${site}-${host}`.replace(/[^\w-]/g, "-"),
      title: `root@${host}`,
      content: waiting(<Terminal path={`/api/v1/sites/${part(site)}/hosts/${part(host)}/shell`} label={label} />),
    });
  return <Button onClick={open} disabled={!may} label={may ? label : t("parts.needsOperator", { what: label })}>{t("parts.terminal")}</Button>;
}
