/**
 * The log of a run: a line for each event, and under the end of a step what its commands said.
 *
 *     at 41    ✓ cp/found/certs is done
 *     41.1       [certs] Generating "ca" certificate and key        an output's lines are numbered under its event
 *
 * A line's name is the ledger index of its event, and for output the number of the line: the same line has the same name
 * for everybody and for ever. A million lines are kept as a few long texts with marks where lines begin.
 */
import { hostOf, phaseOf, type Record_, type Seal } from "./model";

export const LEVELS = ["error", "warning", "info", "output"] as const;
export type Level = (typeof LEVELS)[number];

export type Block = {
  /** Of the event. */
  index: number;
  at: number;
  host: string;
  phase: string;
  level: Level;
  record: Record_;
  /** Of output only. */
  output?: { text: string; starts: Uint32Array };
};

/** What is shown: each wanted host, phase and level; nothing named is all of them. */
export type Filter = { host?: string | undefined; phase?: string | undefined; level?: Level | undefined; text?: string | undefined };

/** Lines that are shown: of each its block's place in the log, and its own number in the block. */
export type Lines = { length: number; block: Uint32Array; line: Uint32Array };

/** A step's output that is not here yet: its event's index, and where it is read. */
export type Missing = { index: number; step: string; attempt: number; seal: Seal };

export class Log {
  /** In order: an output comes after the event of its step's end. */
  readonly blocks: Block[] = [];
  private taken = 0;
  private readonly wanted = new Map<number, Missing>();

  /** Takes those of the first events of a growing list that are new. */
  take(records: readonly Record_[], count = records.length): void {
    for (; this.taken < count; this.taken += 1) {
      const record = records[this.taken];
      if (!record) break;
      this.blocks.push(blockOf(record));
      const { event, index } = record;
      if ((event.type === "stepDone" || event.type === "stepFailed") && event.output && event.output.length > 0) {
        this.wanted.set(index, { index, step: event.step, attempt: event.attempt, seal: event.output });
      }
    }
  }

  /** Outputs that nobody has brought yet, those of failed steps first. */
  missing(): Missing[] {
    const all = [...this.wanted.values()];
    const failed = ({ index }: Missing) => this.blocks[this.find(index)]?.level === "error";
    return [...all.filter(failed), ...all.filter((one) => !failed(one))];
  }

  /** Puts the output of a step under the event that ended it. A second time it changes nothing. */
  put(index: number, text: string): void {
    const after = this.blocks[this.find(index)];
    if (!this.wanted.delete(index) || !after) return;
    const output = { text, starts: lineStarts(text) };
    this.blocks.splice(this.find(index) + 1, 0, { ...after, level: "output", output });
  }

  /** The place of the event with this index. */
  private find(index: number): number {
    let [low, high] = [0, this.blocks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.blocks[middle]?.index ?? 0) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** `say` puts an event into words, for the filter by text. */
  lines(filter: Filter, say: (record: Record_) => string): Lines {
    const wanted = this.blocks.map((block) => fits(block, filter));
    const most = this.blocks.reduce((sum, block, at) => sum + (wanted[at] ? count(block) : 0), 0);
    const lines: Lines = { length: 0, block: new Uint32Array(most), line: new Uint32Array(most) };
    const text = filter.text?.toLowerCase() ?? "";
    for (const [at, block] of this.blocks.entries()) {
      if (!wanted[at]) continue;
      for (let line = 0; line < count(block); line += 1) {
        if (text && !textOf(block, line, say).toLowerCase().includes(text)) continue;
        lines.block[lines.length] = at;
        lines.line[lines.length] = line;
        lines.length += 1;
      }
    }
    return lines;
  }

  /** Where the line of this name is among those that are shown; -1 when it is not. */
  place(name: string, lines: Lines): number {
    for (let at = 0; at < lines.length; at += 1) {
      const block = this.blocks[lines.block[at] ?? 0];
      if (block && nameOf(block, lines.line[at] ?? 0) === name) return at;
    }
    return -1;
  }
}

export const nameOf = (block: Block, line: number): string => (block.output ? `${block.index}.${line + 1}` : String(block.index));

export function textOf(block: Block, line: number, say: (record: Record_) => string): string {
  if (!block.output) return say(block.record);
  const { text, starts } = block.output;
  const next = starts[line + 1];
  return text.slice(starts[line], next === undefined ? undefined : next - 1).replace(/[\r\n]+$/, "");
}

const count = (block: Block): number => block.output?.starts.length ?? 1;

function fits(block: Block, { host, phase, level }: Filter): boolean {
  return (!host || block.host === host) && (!phase || block.phase === phase) && (!level || block.level === level);
}

/** Where each line begins. An end of line at the very end begins none. */
export function lineStarts(text: string): Uint32Array {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < text.length - 1; at = text.indexOf("\n", at + 1)) lines += 1;
  const starts = new Uint32Array(lines);
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < text.length - 1; at = text.indexOf("\n", at + 1)) {
    starts[line] = at + 1;
    line += 1;
  }
  return starts;
}

function blockOf(record: Record_): Block {
  const { index, at, event } = record;
  const step = "step" in event ? event.step : "";
  const host = "host" in event && event.host ? event.host : hostOf(step);
  return { index, at, host, phase: phaseOf(step), level: levelOf(record), record };
}

function levelOf({ event }: Record_): Level {
  switch (event.type) {
    case "stepFailed":
    case "hostDropped":
      return "error";
    case "findingWaived":
    case "runCancelled":
      return "warning";
    case "runEnded":
      return event.outcome === "healthy" ? "info" : event.outcome === "failed" ? "error" : "warning";
    case "runStarted":
    case "runResumed":
    case "stepStarted":
    case "stepMet":
    case "stepDone":
    case "hostRetried":
    case "unknown":
      return "info";
  }
}
