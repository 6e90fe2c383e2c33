import { useMemo } from "react";
import { api, type Of } from "../../api/client";
import { useText } from "../../i18n";
import { Banner } from "../../kit";
import { useSaid } from "../../said";
import { exitMeaning, type Ailment } from "./ailment";
import { at, useAll } from "./data";
import { plain } from "./log";
import { useLog } from "./uselog";

/** Lines of the log that are shown: the last ones say why a program ended. */
const TAIL = 12;

type Props = { site: string; pod: Of<"Pod">; ailment: Ailment };

/** What keeps a pod from working: what Kubernetes says, the exit code in words, the last lines, and what to do. */
export function Ailing({ site, pod, ailment }: Props) {
  const t = useText();
  const { kind, container, exitCode } = ailment;
  const ended = (kind === "crash" || kind === "memory") && container;
  const values = { container: container?.name ?? pod.name, image: container?.image ?? "", restarts: container?.restarts ?? 0 };
  return (
    <Banner tone={kind === "node" ? "warning" : "danger"} title={t(`clusters.ails.${kind}`, values)}>
      {container?.message && <p className="ailing-said">{container.message}</p>}
      {kind === "node" && <Unplaced site={site} pod={pod} />}
      {ended && exitCode !== undefined && <p>{t("clusters.exitCode", { code: exitCode })} {t(`clusters.exit.${exitMeaning(exitCode)}`, { signal: exitCode - 128 })}</p>}
      {ended && <LastLines site={site} pod={pod} container={container} />}
      <p>{t(`clusters.hint.${kind}`, values)}</p>
    </Banner>
  );
}

/** Of the run that ended: the one before, where it was started again since. */
function LastLines({ site, pod, container: { name, restarts, state } }: { site: string; pod: Of<"Pod">; container: Of<"Container"> }) {
  const t = useText();
  const say = useSaid();
  const again = restarts > 0 && state === "Running";
  const { lines, state: reading, trouble } = useLog({ site, namespace: pod.namespace, pod: pod.name, container: name, previous: again, follow: false, tail: TAIL });
  if (trouble) return <p>{t("clusters.noLastLog", { why: say(trouble.message) })}</p>;
  if (reading === "reading" && lines.length === 0) return null;
  if (lines.length === 0) return <p>{t("clusters.emptyLog")}</p>;
  return (
    <figure>
      <figcaption>{t("clusters.lastLines")}</figcaption>
      <pre className="log-tail" tabIndex={0} aria-label={t("clusters.lastLines")}>{lines.slice(-TAIL).map(({ text }) => plain(text)).join("\n")}</pre>
    </figure>
  );
}

const keys = {};
const words = () => "";

/** Why no node takes it, in the scheduler's words. */
function Unplaced({ site, pod }: { site: string; pod: Of<"Pod"> }) {
  const fields = `involvedObject.name=${pod.name},reason=FailedScheduling`;
  const { all } = useAll([site, "events", "unplaced", pod.namespace, pod.name], (query) =>
    api.GET("/api/v1/clusters/{site}/events", { params: { path: { site }, query: { ...query, namespace: pod.namespace, fields } } }), { keys, words });
  const newest = useMemo(() => all?.reduce((one, other) => ((at(other.last) ?? 0) > (at(one.last) ?? 0) ? other : one), all[0] ?? { message: "", last: null }), [all]);
  return newest?.message ? <p className="ailing-said">{newest.message}</p> : null;
}
