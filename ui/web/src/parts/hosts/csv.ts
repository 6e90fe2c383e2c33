/** A table of hosts: the first line names the columns, in English or Chinese. */
import { isAddress, isName, login, type Pasted, type Role, type Wrong } from "./pasted";

const COLUMNS: Record<string, keyof Row> = {
  name: "name", hostname: "name", host: "name", 名称: "name", 主机名: "name",
  address: "address", ip: "address", "ip address": "address", 地址: "address", ip地址: "address",
  user: "user", username: "user", 用户: "user", 用户名: "user",
  port: "port", 端口: "port",
  role: "roles", roles: "roles", 角色: "roles",
  clusteraddress: "clusterAddress", internal: "clusterAddress", "internal ip": "clusterAddress", 内网地址: "clusterAddress",
};

type Row = { name: string; address: string; user: string; port: string; roles: string; clusterAddress: string };

const ROLES: Record<string, Role> = {
  "control-plane": "control-plane", controlplane: "control-plane", master: "control-plane", 控制平面: "control-plane",
  worker: "worker", node: "worker", 工作节点: "worker",
};

/** RFC 4180 within one line: quotes, doubled quotes; separated by what separates the heading. */
export function cells(line: string, separator: string): string[] {
  const found: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const letter = line[at] ?? "";
    if (quoted && letter === '"' && line[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (letter === '"') quoted = !quoted;
    else if (letter === separator && !quoted) {
      found.push(cell.trim());
      cell = "";
    } else cell += letter;
  }
  return [...found, cell.trim()];
}

/** What separates the columns, when this line is a heading. */
export function heading(line: string): { separator: string; columns: (keyof Row | undefined)[] } | undefined {
  for (const separator of ["\t", ";", ",", "，"]) {
    const columns = cells(line, separator).map((title) => COLUMNS[title.toLowerCase()]);
    if (columns.length > 1 && columns.filter(Boolean).length > 1) return { separator, columns };
  }
  return undefined;
}

export function csv(lines: string[]): { hosts: Pasted[]; wrong: Wrong[] } {
  const at = lines.findIndex((line) => line.trim() !== "");
  const head = heading(lines[at] ?? "");
  const hosts: Pasted[] = [];
  const wrong: Wrong[] = [];
  if (!head) return { hosts, wrong };
  if (!head.columns.includes("address") && !head.columns.includes("name")) return { hosts, wrong: [{ line: at + 1, text: lines[at] ?? "", why: "noAddress" }] };
  lines.slice(at + 1).forEach((text, index) => {
    if (text.trim() === "" || text.trim().startsWith("#")) return;
    const row: Partial<Row> = {};
    cells(text, head.separator).forEach((cell, column) => {
      const key = head.columns[column];
      if (key && cell) row[key] = cell;
    });
    const host = one(row);
    if (typeof host === "string") wrong.push({ line: at + index + 2, text: text.trim(), why: host });
    else hosts.push(host);
  });
  return { hosts, wrong };
}

function one({ name, address = name, user, port, roles, clusterAddress }: Partial<Row>): Pasted | Wrong["why"] {
  if (!address) return "noAddress";
  const reached = login(address);
  if (typeof reached === "string") return reached;
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65535)) return "badPort";
  if (name !== undefined && !isName(name.toLowerCase())) return "notAnAddress";
  if (clusterAddress !== undefined && !isAddress(clusterAddress)) return "notAnAddress";
  const said = roles?.toLowerCase().split(/[\s,;|+/]+/).filter(Boolean).map((role) => ROLES[role]);
  if (said?.includes(undefined)) return "badRole";
  return {
    ...reached,
    ...(name && { name: name.toLowerCase() }),
    ...(user && { user }),
    ...(port && { port: Number(port) }),
    ...(clusterAddress && { clusterAddress }),
    ...(said?.length && { roles: [...new Set(said as Role[])] }),
  };
}
