/** What of all that the server says a person should look at. Pure: the clock comes in. */
import type { Item, Of } from "../../api/client";

type Run = Item<"List_Run">;

const DAY = 86_400_000;

/** Runs by what they want of a person: those that go on, those that wait for one, and each site's last one where it went wrong. Newest first. */
export function sortedOut(runs: readonly Run[]): { open: Run[]; held: Run[]; bad: Run[] } {
  const newest = [...runs].sort((a, b) => b.startedAt - a.startedAt);
  const seen = new Set<string>();
  const last = newest.filter(({ site }) => !seen.has(site) && seen.add(site));
  return {
    open: newest.filter(({ state, held }) => state === "open" && !held),
    held: newest.filter(({ state, held }) => state === "open" && held),
    bad: last.filter(({ state }) => state === "failed" || state === "degraded"),
  };
}

export type Expiry = { site: string; subject: string; host: string; place: string; days: number };

/** Certificates that end within so many days, those that end first before the others; what has ended counts below 0. */
export function expiring(site: string, certificates: readonly Of<"ClusterCertificate">[], now: number, within: number): Expiry[] {
  return certificates
    .map(({ subject, host, place, notAfterMs }) => ({ site, subject, host, place, days: Math.floor((notAfterMs - now) / DAY) }))
    .filter(({ days }) => days < within)
    .sort((a, b) => a.days - b.days);
}

/** Days until the first of all certificates ends. */
export const firstEnd = (certificates: readonly Of<"ClusterCertificate">[], now: number): number | undefined =>
  certificates.length === 0 ? undefined : Math.floor((Math.min(...certificates.map(({ notAfterMs }) => notAfterMs)) - now) / DAY);

export type Capacity = { nodes: number; ready: number; cpu: Share; memory: Share };
/** `used` is missing where nothing measures it: metrics-server is not there, or not yet. */
type Share = { used: number | undefined; of: number };

/** What nodes have together, and what of it is used. Thousandths of CPUs, and bytes. */
export function capacity(nodes: readonly Item<"Page_ClusterNode">[]): Capacity {
  const sum = (of: (node: Item<"Page_ClusterNode">) => number) => nodes.reduce((all, node) => all + of(node), 0);
  const measured = nodes.some(({ used }) => used);
  return {
    nodes: nodes.length,
    ready: nodes.filter(({ ready }) => ready).length,
    cpu: { used: measured ? sum(({ used }) => used?.cpuMillis ?? 0) : undefined, of: sum(({ allocatable }) => allocatable.cpuMillis) },
    memory: { used: measured ? sum(({ used }) => used?.memory ?? 0) : undefined, of: sum(({ allocatable }) => allocatable.memory) },
  };
}

export function together(all: readonly Capacity[]): Capacity {
  const add = (a: Share, b: Share): Share => ({ used: a.used === undefined && b.used === undefined ? undefined : (a.used ?? 0) + (b.used ?? 0), of: a.of + b.of });
  const none: Share = { used: undefined, of: 0 };
  return all.reduce<Capacity>((a, b) => ({ nodes: a.nodes + b.nodes, ready: a.ready + b.ready, cpu: add(a.cpu, b.cpu), memory: add(a.memory, b.memory) }), { nodes: 0, ready: 0, cpu: none, memory: none });
}
