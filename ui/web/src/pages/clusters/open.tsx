/** A pod's log in the dock. */
import { useText } from "../../i18n";
import { Button, dock } from "../../kit";
import { LogView } from "./logview";

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
