/** How fast an upload goes, and how long it will take. Pure: the clock comes in. */

/** Bytes that had arrived at a moment, in Unix milliseconds. */
export type Sample = { at: number; bytes: number };

/** Older samples say nothing of the present rate, in milliseconds. */
const WINDOW = 10_000;

/** Those that still count, with the new one. */
export const sampled = (samples: readonly Sample[], next: Sample): Sample[] => [...samples.filter(({ at }) => at > next.at - WINDOW), next];

/** Bytes a second over the window, and milliseconds until all of `size` is there; nothing while it cannot be told. */
export function pace(samples: readonly Sample[], size: number): { rate: number; left: number } | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < 1000 || last.bytes <= first.bytes) return undefined;
  const rate = ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  return { rate, left: Math.max(0, ((size - last.bytes) * 1000) / rate) };
}
