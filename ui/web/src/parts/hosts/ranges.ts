/** Many addresses in one word. */
import { ipv4, ipv4Text, MOST, type Why } from "./pasted";

/** A number with as many digits as it was written with: `01` … `10`. */
const padded = (value: number, like: string) => (like.startsWith("0") ? String(value).padStart(like.length, "0") : String(value));

function counted(first: number, last: number, text: (value: number) => string): string[] | Why {
  if (last < first) return "badRange";
  if (last - first >= MOST) return "tooMany";
  return Array.from({ length: last - first + 1 }, (_, index) => text(first + index));
}

/** `10.0.0.8/29`: the hosts of the network, without its own address and its broadcast. */
function network(address: string, bits: string): string[] | Why {
  const base = ipv4(address);
  const length = Number(bits);
  if (base === undefined || !/^\d{1,2}$/.test(bits) || length > 32) return "badRange";
  const size = 2 ** (32 - length);
  const first = Math.floor(base / size) * size;
  return size <= 2 ? counted(first, first + size - 1, ipv4Text) : counted(first + 1, first + size - 2, ipv4Text);
}

/** `10.0.0.11-10.0.0.13` and `10.0.0.11-13`. */
function between(from: string, to: string): string[] | Why {
  const first = ipv4(from);
  if (first === undefined) return "badRange";
  const last = /^\d{1,3}$/.test(to) && Number(to) <= 255 ? first - (first % 256) + Number(to) : ipv4(to);
  return last === undefined ? "badRange" : counted(first, last, ipv4Text);
}

/**
 * What a word stands for, `user@` and `:port` kept with each: `root@10.0.0.[11-13]:22`, `node[01-16].lab`, `10.0.0.11-13`,
 * `10.0.0.0/29`. A word that is no range stands for itself; a name with a dash in it is a name.
 */
export function expanded(word: string): string[] | Why {
  const bracket = /^(.*?)\[(\d{1,5})-(\d{1,5})\](.*)$/.exec(word);
  if (bracket) {
    const [, head = "", from = "", to = "", tail = ""] = bracket;
    return counted(Number(from), Number(to), (value) => `${head}${padded(value, from)}${tail}`);
  }
  const [, user = "", middle = "", port = ""] = /^(.*@)?([^@]*?)(:\d+)?$/.exec(word) ?? [];
  const [, from, to, base, bits] = /^(?:([\d.]+)-([\d.]+)|([\d.]+)\/(\d+))$/.exec(middle) ?? [];
  const all = from !== undefined && to !== undefined ? between(from, to) : base !== undefined && bits !== undefined ? network(base, bits) : undefined;
  if (all === undefined) return [word];
  return typeof all === "string" ? all : all.map((address) => `${user}${address}${port}`);
}
