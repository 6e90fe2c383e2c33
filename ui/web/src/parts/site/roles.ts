/** Who does what in a cluster, and why: `parts.why.…` says it. Pure. */
import type { Role } from "../hosts/pasted";

export type Reason = "only" | "told" | "named" | "strongest" | "first" | "rest";
export type Assigned = { roles: Role[]; reason: Reason };
/** What is known of a host. Memory in bytes, from a survey, if there was one. */
export type Candidate = { name: string; roles?: readonly Role[]; cpus?: number; memory?: number };

/** kubeadm's own floor for a control plane is 2 CPUs and 1.7 GB (kubernetes.io, "Before you begin"). */
export const fitForControlPlane = ({ cpus, memory }: Candidate): boolean => (cpus ?? 2) >= 2 && (memory ?? Infinity) >= 1_700_000_000;

/**
 * One control plane, as many as this version installs: the host that was told to be it, else one whose name says so, else the
 * first that is strong enough. Alone it is a worker too. Everybody else works.
 */
export function assign(hosts: readonly Candidate[]): Assigned[] {
  const [alone] = hosts;
  if (!alone) return [];
  if (hosts.length === 1) return [{ roles: ["control-plane", "worker"], reason: "only" }];
  const told = hosts.findIndex(({ roles }) => roles?.includes("control-plane"));
  const named = hosts.findIndex(({ name }) => /(^|[-.\d])(cp|master|control(-?plane)?|ctl)([-.\d]|$)/.test(name));
  const fit = hosts.findIndex(fitForControlPlane);
  const [at, reason]: [number, Reason] = told >= 0 ? [told, "told"] : named >= 0 ? [named, "named"] : fit > 0 ? [fit, "strongest"] : [0, "first"];
  return hosts.map(({ roles }, index) => {
    if (index !== at) return { roles: ["worker"], reason: roles?.length ? "told" : "rest" };
    return { roles: roles?.includes("control-plane") && roles.includes("worker") ? ["control-plane", "worker"] : ["control-plane"], reason };
  });
}
