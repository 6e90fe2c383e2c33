import { expect, test } from "vitest";
import type { Item, Of } from "../../api/client";
import { capacity, expiring, firstEnd, sortedOut, together } from "./attention";

const run = (id: string, site: string, state: string, startedAt: number, more = {}) => ({ id, site, state, startedAt, plan: "p", live: false, revision: 1, ...more }) as Item<"List_Run">;

test("a failure counts until a later run of its site is better", () => {
  const held = { held: { problems: [], secrets: [] } };
  const { open, held: waiting, bad } = sortedOut([
    run("r-1", "a", "failed", 1), run("r-2", "a", "healthy", 2),
    run("r-3", "b", "healthy", 3), run("r-4", "b", "degraded", 4),
    run("r-5", "c", "failed", 5), run("r-6", "c", "open", 6), run("r-7", "d", "open", 7, held),
  ]);
  const ids = (runs: { id: string }[]) => runs.map(({ id }) => id);
  expect([ids(open), ids(waiting), ids(bad)]).toEqual([["r-6"], ["r-7"], ["r-4"]]);
});

test("certificates that end soon come first, those that have ended before all", () => {
  const day = 86_400_000;
  const certificate = (subject: string, days: number) => ({ subject, host: "h1", place: "/etc", notAfterMs: 1000 * day + days * day }) as Of<"ClusterCertificate">;
  const all = [certificate("ca", 3650), certificate("api", 12), certificate("old", -2), certificate("kubelet", 29.5)];
  expect(expiring("lab", all, 1000 * day, 30).map(({ subject, days }) => [subject, days])).toEqual([["old", -2], ["api", 12], ["kubelet", 29]]);
  expect(firstEnd(all, 1000 * day)).toBe(-2);
  expect(firstEnd([], 0)).toBeUndefined();
});

test("what nobody measures is unknown, not nothing", () => {
  const node = (ready: boolean, used?: { cpuMillis: number; memory: number }) =>
    ({ ready, used, allocatable: { cpuMillis: 2000, memory: 4e9, storage: 0, pods: 110, others: {} } }) as unknown as Item<"Page_ClusterNode">;
  expect(capacity([node(true), node(false)])).toEqual({ nodes: 2, ready: 1, cpu: { used: undefined, of: 4000 }, memory: { used: undefined, of: 8e9 } });
  const measured = capacity([node(true, { cpuMillis: 500, memory: 1e9 })]);
  expect(together([measured, capacity([node(true)])])).toEqual({ nodes: 2, ready: 2, cpu: { used: 500, of: 4000 }, memory: { used: 1e9, of: 8e9 } });
});
