/** Networks on the line of all IPv4 addresses: what lies where, and what lies on what. Pure. */
import { ipv4, ipv4Text } from "../hosts/pasted";

/** `last` belongs to it. */
export type Span = { first: number; last: number };
export type Part = Span & { what: string; text: string };

/** `10.244.0.0/16`; an address alone is a network of one. Nothing when it is no IPv4 network. */
export function span(text: string): Span | undefined {
  const [address = "", bits = "32", more] = text.trim().split("/");
  const base = ipv4(address);
  if (base === undefined || more !== undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(base / size) * size;
  return { first, last: first + size - 1 };
}

export const overlaps = (one: Span, other: Span): boolean => one.first <= other.last && other.first <= one.last;

/** Every two that share addresses. */
export function clashes(parts: readonly Part[]): [Part, Part][] {
  return parts.flatMap((one, index) => parts.slice(index + 1).filter((other) => overlaps(one, other)).map((other): [Part, Part] => [one, other]));
}

export type Placed = Part & { from: number; to: number };

/**
 * Where each part stands on a bar of width 1. The line is not to scale: between two borders there is a stretch of the same
 * width however many addresses lie there, so that a /32 is seen beside a /8.
 */
export function layout(parts: readonly Part[]): Placed[] {
  const borders = [...new Set(parts.flatMap(({ first, last }) => [first, last + 1]))].sort((a, b) => a - b);
  const stretches = Math.max(1, borders.length - 1);
  return parts.map((part) => ({ ...part, from: borders.indexOf(part.first) / stretches, to: borders.indexOf(part.last + 1) / stretches }));
}

/** The smallest network that all addresses lie in: for the bar, which would be torn by each of 5,000 hosts. */
export function around(addresses: readonly number[]): { span: Span; text: string } | undefined {
  if (addresses.length === 0) return undefined;
  const [low, high] = [addresses.reduce((a, b) => Math.min(a, b)), addresses.reduce((a, b) => Math.max(a, b))];
  let bits = 32;
  while (bits > 0 && Math.floor(low / 2 ** (32 - bits)) !== Math.floor(high / 2 ** (32 - bits))) bits -= 1;
  const size = 2 ** (32 - bits);
  const first = Math.floor(low / size) * size;
  return { span: { first, last: first + size - 1 }, text: `${ipv4Text(first)}/${bits}` };
}
