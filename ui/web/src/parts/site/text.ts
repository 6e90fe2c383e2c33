/**
 * The text of a site (`site.yaml`), read for forms and changed by them. The text is the truth: what a form does not know, and
 * every comment, stays as it was. Pure; what the text means is for the server to say (`POST /api/v1/sites/validate`).
 */
import { isMap, isSeq, parseDocument, type Document, type Pair } from "yaml";
import { isName, ipv4, type Pasted, type Role } from "../hosts/pasted";

export type Path = readonly (string | number)[];

/** What forms show of it. Everything may be missing or of another shape: a text is typed by hand too. */
export type SiteView = {
  name: string;
  hosts: HostView[];
  /** YAML that cannot be read: where, and why. */
  broken: { line: number; message: string } | undefined;
  /** The value at a path as text; empty when there is none. */
  at: (...path: Path) => string;
  has: (...path: Path) => boolean;
};

export type HostView = { name: string; address: string; port: string; user: string; roles: Role[] };

export const isRole = (word: unknown): word is Role => word === "control-plane" || word === "worker";

const parsed = (text: string) => parseDocument(text, { keepSourceTokens: false, uniqueKeys: false });
const written = (document: Document) => document.toString({ lineWidth: 0, flowCollectionPadding: false });
const said = (value: unknown) => (value === null || value === undefined || typeof value === "object" ? "" : String(value));

export function view(text: string): SiteView {
  const document = parsed(text);
  const [error] = document.errors;
  const plain: unknown = error ? {} : document.toJS({ maxAliasCount: 100 });
  const get = (path: Path) => path.reduce<unknown>((at, key) => (typeof at === "object" && at !== null ? (at as Record<string | number, unknown>)[key] : undefined), plain);
  const at = (...path: Path) => said(get(path));
  const list = get(["hosts"]);
  const hosts = (Array.isArray(list) ? list : []).map((_, index): HostView => {
    const roles = get(["hosts", index, "roles"]);
    const of = (key: string) => at("hosts", index, key);
    return { name: of("name"), address: of("address"), port: of("port"), user: of("user"), roles: Array.isArray(roles) ? roles.filter(isRole) : [] };
  });
  const broken = error && { line: error.linePos?.[0].line ?? 1, message: error.message.split("\n")[0] ?? "" };
  return { name: at("metadata", "name"), hosts, broken, at, has: (...path) => get(path) !== undefined };
}

/** A site without hosts. */
export const fresh = (name: string): string => `apiVersion: armilla/v1\nkind: Site\nmetadata:\n  name: ${name}\nhosts: []\n`;

/** What belongs to one site and no other: its hosts and how they are reached, where its API answers, what was gone on with there. */
const OWN: Path[] = [["waivers"], ["jump"], ["bundle"], ["api", "endpoint"], ["api", "names"], ["api", "addresses"]];

/** The options of another site for a new one without hosts: versions, networks, add-ons, registries, and every comment. */
export const asTemplate = (text: string, name: string): string =>
  OWN.reduce((now, path) => put(now, path, undefined), put(put(text, ["metadata", "name"], name), ["hosts"], []));

/** Whether it is a site's text already, and not another installer's file. */
export const isSite = (text: string): boolean => view(text).at("apiVersion").startsWith("armilla/");

/** Changes the text by its parts; a text that cannot be read stays as it is. */
function changed(text: string, act: (document: Document) => void): string {
  const document = parsed(text);
  if (document.errors.length > 0 || !isMap(document.contents)) return text;
  act(document);
  return written(document);
}

/** Puts a value where the path leads, or takes it away (`undefined`) with the groups that are empty then. */
export function put(text: string, path: Path, value: unknown): string {
  return changed(text, (document) => {
    if (value !== undefined) return set(document, path, value);
    if (!document.hasIn(path)) return;
    document.deleteIn(path);
    for (let up = path.slice(0, -1); up.length > 0; up = up.slice(0, -1)) {
      const group = document.getIn(up);
      if (isMap(group) && group.items.length === 0) document.deleteIn(up);
      else break;
    }
  });
}

/** As `setIn`, through groups that are written but empty (`network:`). */
function set(document: Document, path: Path, value: unknown): void {
  for (let depth = 1; depth < path.length; depth += 1) {
    const group = document.getIn(path.slice(0, depth), true);
    if (!isMap(group) && !isSeq(group)) document.setIn(path.slice(0, depth), document.createNode(typeof path[depth] === "number" ? [] : {}));
  }
  document.setIn(path, document.createNode(value));
}

/** The host's own name where there is one, else the first label of its address, else `node-N`; never one that is taken. */
function named({ name, address }: Pasted, number: number, taken: Set<string>): string {
  const label = ipv4(address) === undefined && isName(address) ? address.split(".")[0] : undefined;
  for (const wanted of [name, label, `node-${number}`]) if (wanted && !taken.has(wanted)) return wanted;
  let next = number;
  while (taken.has(`node-${next}`)) next += 1;
  return `node-${next}`;
}

/** The text with exactly these hosts. Those that it has already, by their address, keep what is written of them. */
export function withHosts(text: string, hosts: readonly Pasted[]): string {
  return changed(text, (document) => {
    const before = document.get("hosts", true);
    const known = new Map<string, unknown>();
    for (const item of isSeq(before) ? before.items : []) {
      if (isMap(item)) known.set(`${said(item.get("address"))} ${said(item.get("port"))}`, item);
    }
    const key = ({ address, port }: Pasted) => `${address} ${port ?? ""}`;
    const kept = hosts.map((host) => known.get(key(host)));
    const taken = new Set(kept.flatMap((item) => (isMap(item) ? [said(item.get("name"))] : [])));
    const next = document.createNode([]);
    hosts.forEach((host, index) => {
      const old = kept[index];
      if (isMap(old)) return next.items.push(old as never);
      const { address, user, port, clusterAddress, roles = [], keyFile, jump } = host;
      const name = named(host, index + 1, taken);
      taken.add(name);
      const node = document.createNode({
        name, address,
        ...(port !== undefined && { port }), ...(user && { user }), ...(clusterAddress && { clusterAddress }),
        roles, ...(keyFile && { ssh: { keyFile } }), ...(jump && { jump }),
      });
      if (isMap(node)) flow(node.items, "roles");
      next.items.push(node as never);
    });
    next.flow = hosts.length === 0;
    document.set("hosts", next);
  });
}

function flow(items: Pair[], key: string): void {
  const pair = items.find((item) => String(item.key) === key);
  if (isSeq(pair?.value)) pair.value.flow = true;
}

/** The text with these hosts called otherwise. */
export function withNames(text: string, names: ReadonlyMap<string, string>): string {
  if (names.size === 0) return text;
  return changed(text, (document) => {
    const hosts = document.get("hosts", true);
    for (const host of isSeq(hosts) ? hosts.items : []) {
      const name = isMap(host) ? names.get(said(host.get("name"))) : undefined;
      if (isMap(host) && name) host.set("name", name);
    }
  });
}

/** The text with these roles, in the order of its hosts. */
export function withRoles(text: string, roles: readonly (readonly Role[])[]): string {
  return changed(text, (document) => {
    const hosts = document.get("hosts", true);
    if (!isSeq(hosts)) return;
    hosts.items.forEach((host, index) => {
      const wanted = roles[index];
      if (!isMap(host) || !wanted) return;
      const node = document.createNode([...wanted]);
      node.flow = true;
      host.set("roles", node);
    });
  });
}
