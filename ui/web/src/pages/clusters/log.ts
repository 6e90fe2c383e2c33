/** A container's log taken apart. Pure. */

/** One line. `at` is when it was written, as Kubernetes wrote it: to the nanosecond, empty where it said nothing. */
export type Line = { at: string; text: string };

/** Lines that are kept; the oldest go first. */
const MOST = 50_000;

/** A stamp of Kubernetes at the head of a line (RFC 3339, up to nanoseconds). */
const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

/** What was written so far. Takes pieces as they come; a line is there when its end has come. */
export class Log {
  lines: Line[] = [];
  /** How many old lines were let go. */
  dropped = 0;
  private rest = "";

  /** Takes a piece; lines up to `after` were there before the connection was cut, and are passed over. */
  take(piece: string, after = ""): number {
    const cut = (this.rest + piece).split("\n");
    this.rest = cut.pop() ?? "";
    const fresh = cut.map(line).filter(({ at }) => after === "" || at === "" || order(at) > order(after));
    this.lines.push(...fresh);
    const over = this.lines.length - MOST;
    if (over > 0) {
      this.lines.splice(0, over);
      this.dropped += over;
    }
    return fresh.length;
  }

  /** The connection ended: what began and did not end is not a line that can be gone on from. */
  end(): void {
    if (this.rest) this.lines.push(line(this.rest));
    this.rest = "";
  }

  /** When the last line was written. */
  get last(): string {
    return this.lines.findLast(({ at }) => at !== "")?.at ?? "";
  }
}

/** Stamps of one container in the order of time; without the `Z` a second goes before its fractions. */
const order = (at: string) => at.replace(/Z$/, "");

function line(text: string): Line {
  const [head = "", at = ""] = STAMP.exec(text) ?? [];
  return { at, text: text.slice(head.length).replace(/\r$/, "") };
}

/** A piece of a line in one colour. */
export type Span = { text: string; style: string };

// Escape sequences of ECMA-48: CSI … final, OSC … BEL or ST, and two-byte ones.
const ESCAPE = /\u001b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;

const COLOURS = ["plain", "red", "green", "yellow", "blue", "magenta", "cyan", "plain"];

/** A line in its colours. Whatever else a terminal would do is left out. */
export function coloured(text: string): Span[] {
  const spans: Span[] = [];
  let from = 0;
  let colour = "";
  let bold = false;
  const flush = (to: number) => {
    if (to > from) spans.push({ text: text.slice(from, to), style: [colour && `log-${colour}`, bold && "log-bold"].filter(Boolean).join(" ") });
  };
  for (const found of text.matchAll(ESCAPE)) {
    flush(found.index);
    from = found.index + found[0].length;
    if (found[2] !== "m") continue;
    const codes = (found[1] || "0").split(/[;:]/).map(Number);
    for (let place = 0; place < codes.length; place += 1) {
      const code = codes[place] ?? 0;
      if (code === 0) [colour, bold] = ["", false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) colour = "";
      else if (code === 38 || code === 48) place += codes[place + 1] === 5 ? 2 : 4;
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = COLOURS[code % 10] ?? "";
    }
  }
  flush(text.length);
  return spans;
}

/** A line without its colours, for searching and copying. */
export const plain = (text: string): string => text.replace(ESCAPE, "");
