/** How many bytes steps in flight have moved, and how fast. Progress is cheap and may be lost: only the last of it counts. */
import { hostOf, type Progress } from "./model";

/** A rate is taken over so many milliseconds: long enough to be calm, short enough to follow a link. */
const WINDOW = 5000;
/** Without a word for so long a step moves nothing, in milliseconds. */
const QUIET = 4000;

type Flow = { last: Progress; samples: { at: number; bytes: number }[] };
export type Moved = { done: number; total: number; perSecond: number };

export class Rates {
  private readonly flows = new Map<string, Flow>();

  take(progress: Progress, now: number): void {
    const known = this.flows.get(progress.step);
    const flow = known && known.last.attempt === progress.attempt ? known : { last: progress, samples: [] };
    flow.last = progress;
    flow.samples.push({ at: now, bytes: progress.bytesDone });
    while (flow.samples.length > 2 && (flow.samples[0]?.at ?? now) < now - WINDOW) flow.samples.shift();
    this.flows.set(progress.step, flow);
  }

  end(step: string): void {
    this.flows.delete(step);
  }

  note(step: string): string | null {
    return this.flows.get(step)?.last.note ?? null;
  }

  /** Of one step; nothing when it moves no bytes. */
  ofStep(step: string, now: number): Moved | undefined {
    const flow = this.flows.get(step);
    return flow && flow.last.bytesDone > 0 ? moved(flow, now) : undefined;
  }

  /** Of a host, or of all. */
  of(now: number, host?: string): Moved | undefined {
    let sum: Moved | undefined;
    for (const [step, flow] of this.flows) {
      if ((host !== undefined && hostOf(step) !== host) || flow.last.bytesDone === 0) continue;
      const { done, total, perSecond } = moved(flow, now);
      sum = { done: (sum?.done ?? 0) + done, total: (sum?.total ?? 0) + total, perSecond: (sum?.perSecond ?? 0) + perSecond };
    }
    return sum;
  }
}

function moved({ last, samples }: Flow, now: number): Moved {
  const [first, latest] = [samples[0], samples.at(-1)];
  const took = first && latest ? latest.at - first.at : 0;
  const quiet = !latest || latest.at < now - QUIET;
  const perSecond = !quiet && first && latest && took >= 500 ? ((latest.bytes - first.bytes) * 1000) / took : 0;
  return { done: last.bytesDone, total: Math.max(last.bytesTotal ?? 0, last.bytesDone), perSecond: Math.max(0, perSecond) };
}
