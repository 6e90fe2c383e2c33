/** What a look at hosts says of them, for their names and roles. Pure. */
import { isName } from "../hosts/pasted";
import type { SiteView } from "./text";

/** Of the server's survey, as far as it is used here; what could not be read is missing. */
export type Survey = { hosts?: Record<string, { facts?: { hostname?: string | null; cpu?: { count?: number | null }; memory?: { total: number } | null } }> };
export type Strength = { cpus?: number; memory?: number };

/** A name that was given because nobody named the host. */
const MADE = /^node-\d+$/;

/** What hosts that nobody named call themselves, by the names that they have until now. Clones, which share one, stay as they are. */
export function ownNames(view: SiteView, { hosts = {} }: Survey): Map<string, string> {
  const own = (name: string) => (hosts[name]?.facts?.hostname ?? "").split(".")[0]?.toLowerCase() ?? "";
  const all = view.hosts.map(({ name }) => own(name));
  const taken = new Set(view.hosts.map(({ name }) => name));
  const fit = (name: string) => name !== "localhost" && isName(name) && !taken.has(name) && all.filter((other) => other === name).length === 1;
  return new Map(view.hosts.flatMap(({ name }) => (MADE.test(name) && fit(own(name)) ? [[name, own(name)] as const] : [])));
}

/** Processors, and memory in bytes. */
export function strengthOf({ hosts = {} }: Survey, name: string): Strength {
  const { cpu, memory } = hosts[name]?.facts ?? {};
  return { ...(cpu?.count && { cpus: cpu.count }), ...(memory && { memory: memory.total }) };
}
