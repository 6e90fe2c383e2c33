/** `~/.ssh/config`, ssh_config(5): each block that names hosts one by one; patterns only give what they set. */
import { isAddress, isName, login, type Hop, type Pasted, type Wrong } from "./pasted";

type Block = { line: number; text: string; patterns: string[]; set: Map<string, string> };

export const isSshConfig = (lines: string[]): boolean => lines.some((line) => /^\s*Host\s+\S/i.test(line) && !/[,;]/.test(line));

export function sshConfig(lines: string[]): { hosts: Pasted[]; wrong: Wrong[] } {
  const blocks: Block[] = [];
  let now: Block = { line: 0, text: "", patterns: ["*"], set: new Map() };
  const before = now;
  lines.forEach((text, index) => {
    const [, word = "", value = ""] = /^\s*(\w+)\s*(?:=\s*|\s)\s*(.*?)\s*$/.exec(text) ?? [];
    const key = word.toLowerCase();
    if (key === "" || text.trim().startsWith("#")) return;
    if (key === "host") {
      now = { line: index + 1, text: text.trim(), patterns: value.split(/\s+/).filter(Boolean), set: new Map() };
      blocks.push(now);
    } else if (key === "match") {
      // Its conditions are of one machine: what it sets counts for nobody here.
      now = { line: index + 1, text: text.trim(), patterns: [], set: new Map() };
    } else if (!now.set.has(key)) {
      now.set.set(key, value.replace(/^"(.*)"$/, "$1"));
    }
  });
  const all = [before, ...blocks];
  const hosts: Pasted[] = [];
  const wrong: Wrong[] = [];
  for (const block of blocks) {
    for (const alias of block.patterns.filter((pattern) => !/[*?!]/.test(pattern))) {
      const host = named(alias, all);
      if (typeof host === "string") wrong.push({ line: block.line, text: block.text, why: host });
      else hosts.push(host);
    }
  }
  return { hosts: hosts.filter(({ name }) => !hops(hosts).has(name ?? "")), wrong };
}

/** Who is only on the way to others is none of the site's hosts, unless it stands there for itself and nobody goes through it. */
function hops(hosts: Pasted[]): Set<string> {
  return new Set(hosts.flatMap(({ jump = [] }) => jump.map((hop) => (hop as Hop & { alias?: string }).alias ?? "")));
}

/** The first value that a block gives counts, as with ssh. */
function setting(alias: string, blocks: Block[], key: string): string | undefined {
  return blocks.find(({ patterns, set }) => set.has(key) && matches(alias, patterns))?.set.get(key);
}

function matches(alias: string, patterns: string[]): boolean {
  const like = (pattern: string) =>
    new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`, "i").test(alias);
  const against = patterns.some((pattern) => pattern.startsWith("!") && like(pattern.slice(1)));
  return !against && patterns.some((pattern) => !pattern.startsWith("!") && like(pattern));
}

function named(alias: string, blocks: Block[], depth = 0): Pasted | Wrong["why"] {
  const get = (key: string) => setting(alias, blocks, key);
  const address = (get("hostname") ?? alias).replaceAll("%h", alias).toLowerCase();
  if (!isAddress(address)) return "notAnAddress";
  const [user, port, keyFile, through] = [get("user"), get("port"), get("identityfile"), get("proxyjump")];
  if (port !== undefined && !/^\d{1,5}$/.test(port)) return "badPort";
  if (get("proxycommand") !== undefined && get("proxycommand") !== "none") return "noHops";
  const jump: Hop[] = [];
  for (const hop of through && through !== "none" && depth < 4 ? through.split(",") : []) {
    const found = known(hop.trim(), blocks, depth);
    if (typeof found === "string") return "noHops";
    jump.push(...found);
  }
  const name = alias.toLowerCase();
  return {
    address,
    ...(isName(name) && { name }),
    ...(user && { user }),
    ...(port && { port: Number(port) }),
    ...(keyFile && keyFile !== "none" && { keyFile }),
    ...(jump.length > 0 && { jump }),
  };
}

/** A hop: another block of the file, or `[user@]address[:port]`. */
function known(hop: string, blocks: Block[], depth: number): Hop[] | Wrong["why"] {
  const said = login(hop);
  const alias = typeof said === "string" ? hop : said.address;
  const block = named(alias, blocks, depth + 1);
  if (typeof block === "string") return block;
  const own = typeof said === "string" ? {} : said;
  const { address, user, port, jump = [] } = { ...block, ...own, address: block.address };
  return [...jump, { address, ...(user && { user }), ...(port && { port }), alias } as Hop];
}
