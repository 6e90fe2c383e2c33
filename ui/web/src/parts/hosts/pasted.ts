/** A host as somebody named it: what is missing is decided later, by the site or by the server. */
export type Pasted = {
  name?: string;
  address: string;
  user?: string;
  port?: number;
  /** Where the other hosts reach it, when that is not its address. */
  clusterAddress?: string;
  roles?: Role[];
  /** `IdentityFile` of an SSH config. */
  keyFile?: string;
  jump?: Hop[];
};

export type Role = "control-plane" | "worker";
export type Hop = { address: string; user?: string; port?: number };

/** Why a line is not a host. Each is a text `parts.wrong.…`. */
export type Why =
  | "notAnAddress" | "badPort" | "badUser" | "badRange" | "tooLong" | "twice" | "badRole" | "noAddress" | "noHops" | "tooMany";

/** `line` counts from 1. */
export type Wrong = { line: number; text: string; why: Why };
export type Reading = { kind: "addresses" | "csv" | "ssh"; hosts: Pasted[]; wrong: Wrong[] };

/** As many as a site may have. */
export const MOST = 10_000;

const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** An IPv4 address as a number, or nothing. */
export function ipv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => OCTET.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export const ipv4Text = (address: number): string => [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** RFC 4291 as far as a paste needs it: groups of up to four hex digits, one `::`. */
function isIpv6(text: string): boolean {
  if (!/^[0-9a-f:]+$/i.test(text) || !text.includes(":") || text.includes(":::")) return false;
  const [head = "", tail, more] = text.split("::");
  if (more !== undefined) return false;
  const groups = [...head.split(":"), ...(tail ?? "").split(":")].filter((group) => group !== "");
  return groups.every((group) => group.length <= 4) && (tail === undefined ? groups.length === 8 : groups.length < 8);
}

/** RFC 1123 subdomain whose last label is not a number: that would be a mistyped address. */
export function isName(text: string): boolean {
  const labels = text.split(".");
  return text.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? "");
}

export const isAddress = (text: string): boolean => ipv4(text) !== undefined || isIpv6(text) || isName(text);

/** `[user@]address[:port]`, an IPv6 address with a port in brackets, as `armilla init` takes it. */
export function login(text: string): Pasted | Why {
  const at = text.lastIndexOf("@");
  const user = at >= 0 ? text.slice(0, at) : undefined;
  if (user !== undefined && !/^[A-Za-z_][\w.\\@+-]{0,63}\$?$/.test(user)) return "badUser";
  const rest = text.slice(at + 1).toLowerCase();
  const whole = (address: string, port?: number): Pasted => ({ address, ...(user !== undefined && { user }), ...(port !== undefined && { port }) });
  if (rest.length > 262) return "tooLong";
  if (isAddress(rest)) return whole(rest);
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(.*))?$/.exec(rest) ?? [];
  const address = bracketed ?? plain ?? "";
  if (!isAddress(address) || (bracketed !== undefined && !isIpv6(address))) return "notAnAddress";
  if (digits === undefined) return whole(address);
  const port = Number(digits);
  return /^\d+$/.test(digits) && port >= 1 && port <= 65535 ? whole(address, port) : "badPort";
}
