/** What a step does, in words of the reader's language, as `Action::label` says it in English. */
import type { Text } from "../../i18n";
import type { Say } from "../../said";
import type { Action, Condition, Plan } from "./model";

const KINDS = new Set([
  "remember", "modules", "sysctls", "files", "images", "init", "joinWorker", "node", "apply", "await", "drain", "deleteNode", "stopRuns",
  "stopPods", "stopPrograms", "removeUnits", "unmount", "removeLinks", "removeRules", "removePaths", "restoreSysctls", "undoRepairs", "restore",
]);

export function label(action: Action, t: Text, say: Say): string {
  const { kind } = action;
  if (kind === "service") return t(action.running ? "runs.action.run" : "runs.action.setUp", { unit: action.unit });
  if (kind === "images" && action.addon) return t("runs.action.imagesOf", { count: action.images?.length ?? 0, bundle: action.addon });
  if (kind === "await") return t("runs.action.await", { condition: condition(action.condition, t) });
  // A newer server may know more kinds than this page.
  if (!KINDS.has(kind)) return kind;
  return t(`runs.action.${kind}`, {
    names: action.names?.join(", "),
    count: kind === "sysctls" ? Object.keys(action.values ?? {}).length : (action.images?.length ?? 0),
    title: action.title && say(action.title),
    phase: action.phase && phaseName(action.phase),
    node: action.node,
    founder: action.founder,
    name: action.name && say(action.name),
    units: action.units?.join(", "),
  });
}

/** As kubeadm itself calls it: `controlPlane` is `control-plane`. */
const phaseName = (phase: string): string => phase.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function condition(of: Condition | undefined, t: Text): string {
  if (of === undefined || of === "apiReady") return t("runs.until.apiReady");
  if ("nodeReady" in of) return t("runs.until.nodeReady", { node: of.nodeReady });
  if ("rolledOut" in of) return t("runs.until.rolledOut", { what: `${of.rolledOut.kind} ${of.rolledOut.namespace}/${of.rolledOut.name}` });
  return t("runs.until.answers", { name: of.apiServiceAvailable });
}

/** What a plan is for: `install`, `reset`, `resetHosts`. */
export const intentOf = (plan: Pick<Plan, "intent">): string => (typeof plan.intent === "string" ? plan.intent : "resetHosts");
