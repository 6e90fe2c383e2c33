/** What of a plan is told before it is run. Pure; its shape is `installer/model/src/plan.rs`'s. */
import type { Text } from "../../i18n";
import type { Say } from "../../said";

type Blob = { digest?: string; size?: number };
type Image = { index?: Blob | null; manifest?: Blob; config?: Blob; layers?: Blob[] };
type Source = { blob?: { blob?: string; blobSize?: number } } | Record<string, unknown>;
type Action = { kind?: string; images?: Image[]; files?: { source?: Source }[] };
export type Plan = { steps?: { id?: string; host?: string; after?: string[]; action?: Action }[] };

/** Bytes that each host is sent at most: what it has already is not sent again. Each blob counts once a host. */
export function bytesByHost({ steps = [] }: Plan): Map<string, number> {
  const blobs = new Map<string, Map<string, number>>();
  for (const { host = "", action = {} } of steps) {
    const own = blobs.get(host) ?? new Map<string, number>();
    blobs.set(host, own);
    const note = (digest: unknown, size: unknown) => {
      if (typeof digest === "string" && typeof size === "number") own.set(digest, size);
    };
    for (const image of action.images ?? []) {
      for (const part of [image.index, image.manifest, image.config, ...(image.layers ?? [])]) note(part?.digest, part?.size);
    }
    for (const { source } of action.files ?? []) {
      const blob = (source as { blob?: Record<string, unknown> } | undefined)?.blob;
      note(blob?.blob, blob?.blobSize ?? blob?.blob_size);
    }
  }
  return new Map([...blobs].map(([host, own]) => [host, [...own.values()].reduce((a, b) => a + b, 0)]));
}

/** Of what a run is expected to take: one that was shorter found most of it done already, and says nothing of how long it takes. */
const SHORT = 0.25;

/** The middle of what earlier runs took, in milliseconds; nothing when there was none. `plain`: what the plan takes on plain hosts. */
export function usual(runs: readonly { startedAt: number; endedAt?: number | null; state: string }[], plain: number): number | undefined {
  const ended = runs.filter(({ state, endedAt }) => state === "healthy" && endedAt).map(({ startedAt, endedAt }) => (endedAt ?? 0) - startedAt);
  const took = ended.filter((length) => length > plain * SHORT).sort((a, b) => a - b);
  return took[Math.floor(took.length / 2)];
}

/** A step as the server's text of a plan and of a difference has it: its id, what it does, its wave and the steps before it. */
const STEP = /^(  [! ] \S+ +|[-+~] \S+  )(.+?)(  wave \d+)?(  after .+)?$/;

/** Stands for what is said by itself. */
const HOLE = "\u0001";

/** The server's text of a plan, its words in the reader's language; ids, hosts and contents stay. */
export const planSaid = (text: string, say: Say, t: Text): string =>
  text.split("\n").map((line) => {
    const step = STEP.exec(line);
    if (step) return `${step[1] ?? ""}${say(step[2] ?? "")}${say(step[3] ?? "")}${say(step[4] ?? "")}`;
    const [, why] = /^ {2}because (.+)$/.exec(line) ?? [];
    // A sentence with holes of its own would take the word before it into its first one.
    if (why) return say(`  because ${HOLE}`).replace(HOLE, () => say(why));
    if (/^ {4}|^ {2}\S+$/.test(line)) return line;
    return /^[a-z]+$/.test(line) ? t(`parts.phase.${line}`) : say(line);
  }).join("\n");
