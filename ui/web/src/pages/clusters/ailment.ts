/** What keeps a pod from working, out of what Kubernetes says of its containers. Pure. */
import type { Of } from "../../api/client";
import type { Tone } from "../../kit";

type Pod = Of<"Pod">;
type Container = Of<"Container">;

export type Ailment = {
  kind: "crash" | "memory" | "image" | "config" | "node" | "evicted";
  /** None: it is the pod's as a whole. */
  container?: Container;
  /** Of the program's last end. */
  exitCode?: number;
};

const IMAGE = new Set(["ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError"]);
const CONFIG = new Set(["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError", "PostStartHookError"]);
/** Of a container that waits or works as it should, or has done so. */
const WELL = new Set(["Running", "Waiting", "Completed", "PodInitializing", "ContainerCreating"]);

export function ailments(pod: Pod): Ailment[] {
  if (pod.status === "Terminating") return [];
  if (pod.status === "Evicted") return [{ kind: "evicted" }];
  const found = pod.containers.flatMap((container) => ailment(container));
  if (found.length === 0 && pod.status === "Pending" && !pod.node) return [{ kind: "node" }];
  return found;
}

function ailment(container: Container): Ailment[] {
  const { state, exitCode, ready, init } = container;
  if (ready || (init && state === "Completed")) return [];
  const end = exitCode == null ? {} : { exitCode };
  if (IMAGE.has(state)) return [{ kind: "image", container }];
  if (CONFIG.has(state)) return [{ kind: "config", container, ...end }];
  if (state === "OOMKilled" || (state === "CrashLoopBackOff" && exitCode === 137)) return [{ kind: "memory", container, ...end }];
  return WELL.has(state) ? [] : [{ kind: "crash", container, ...end }];
}

/** What an exit code tells before anybody has read the log. Source: POSIX shells (126, 127), 128 + the signal's number. */
export function exitMeaning(code: number): "zero" | "noExec" | "notFound" | "killed" | "segfault" | "asked" | "abort" | "signal" | "own" {
  const known = { 0: "zero", 126: "noExec", 127: "notFound", 134: "abort", 137: "killed", 139: "segfault", 143: "asked" } as const;
  return known[code as keyof typeof known] ?? (code > 128 && code < 160 ? "signal" : "own");
}

/** How a pod's one word is drawn. */
export function podTone(pod: Pod): Tone {
  if (pod.status === "Completed" || pod.status === "Succeeded") return "ok";
  if (ailments(pod).some(({ kind }) => kind !== "node")) return "bad";
  if (pod.status === "Running") return pod.ready ? "ok" : "warn";
  return pod.status === "Pending" && !pod.node ? "warn" : "wait";
}

/** Whether it has ended for good, and takes no room on its node any more: `Completed`, `Error` and how else a pod's containers end. */
export const isOver = ({ status, containers }: Pod): boolean =>
  status === "Completed" || status === "Evicted" || (/^(Error|OOMKilled|ExitCode:|Signal:)/.test(status) && containers.every(({ restarts, state }) => restarts === 0 && state !== "Running"));

/** Whether somebody should look at it. */
export const isTroubled = (pod: Pod): boolean => podTone(pod) === "bad" || podTone(pod) === "warn";
