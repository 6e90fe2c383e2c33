/**
 * A run's events in their order, each once, out of two sources that overlap: pages that are read, and the stream.
 *
 *     open ──▶ reading ──(last page)──▶ following ──(the stream was cut, or came back)──▶ reading …
 *
 * While pages are read, what the stream says waits: it may be later than what the next page brings. Ledger indices of one run
 * are not one after the other, so a hole cannot be seen; after every cut the pages from the last known index on are read.
 */
import type { Record_ } from "./model";

export class Sequence {
  /** In order of their index. Only ever added to. */
  readonly records: Record_[] = [];
  private waiting: Record_[] = [];
  private readings = 0;

  /** The index to read from. */
  get next(): number {
    return (this.records.at(-1)?.index ?? 0) + 1;
  }

  get isReading(): boolean {
    return this.readings > 0;
  }

  /** Pages are asked for from `next` on. */
  begin(): void {
    this.readings += 1;
  }

  /** A page came. Gives back what is new. */
  page(records: readonly Record_[]): Record_[] {
    return this.append(records);
  }

  /** The last page came, or reading failed; `whole` tells which. What the stream said meanwhile follows only what is whole. */
  end(whole: boolean): Record_[] {
    this.readings -= 1;
    if (this.readings > 0) return [];
    const waited = this.waiting.sort((one, other) => one.index - other.index);
    this.waiting = [];
    return whole ? this.append(waited) : [];
  }

  /** The stream says that something happened. */
  live(record: Record_): Record_[] {
    if (this.isReading) {
      this.waiting.push(record);
      return [];
    }
    return this.append([record]);
  }

  private append(records: readonly Record_[]): Record_[] {
    const taken: Record_[] = [];
    for (const record of records) {
      if (record.index < this.next) continue;
      this.records.push(record);
      taken.push(record);
    }
    return taken;
  }
}
