/**
 * Server sentences in Chinese. The key is the English sentence as it stands in the Rust source, with numbered holes:
 *
 *     "{0} has no room: {1} MiB free": "{0} 空间不足：剩余 {1} MiB"
 *
 * Pure. What nobody has a Chinese sentence for, the words of hosts and of other programs, stays as it is.
 */

export type Catalog = Record<string, string>;
export type Say = (text: string) => string;

type Pattern = { pieces: string[]; regex: RegExp; chinese: string };

/** Longer text is the output of something. */
const LONGEST = 4000;
/** Errors that follow from each other; more colons are those of a file or a log. */
const DEEPEST = 16;
/** Sentences that are remembered: as many as pages show at once, several times over. */
const KEPT = 2000;

const HOLE = /\{(\d+)\}/;
/** A place in a request: `/name`, `?limit`. */
const POINTER = /^[/?]\S*: /;
const GAP = /(?<=[\p{Script=Han}，。；：（）]) (?=[\p{Script=Han}，。；：（）])/gu;

/** Letters that a pattern which begins with a hole says itself, below which it is of single words and sizes: `{0} on {1}` would fit most of what hosts say. */
const VAGUE = 6;

/**
 * A hole right behind another one is empty or begins with a sign: `{0}{1}` is a name and `; the last one was …`. What a sentence begins
 * with is a thing, and not the head of a chain: the Chinese may say it elsewhere.
 */
function pattern([english, chinese]: [string, string]): Pattern {
  const pieces = english.split(/\{\d+\}/);
  const held = pieces[0] === "" && pieces.join("").replace(/\W/g, "").length < VAGUE ? "([\\d.]+ [A-Za-z/]+|\\S+?)" : "(.+?)";
  const regex = pieces.map((piece, index) => {
    const first = index === 1 && pieces[0] === "" && held === "(.+?)" ? (chinese.startsWith("{0}") ? "(.+?(?<!:))" : "((?:(?!: ).)+?)") : held;
    const hole = index === 0 ? "" : index > 1 && pieces[index - 1] === "" ? "((?:[^\\w\\s]|\\s\\S).*?)?" : first;
    return (index === 0 && piece === "" ? "(?=\\S)" : "") + hole + piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return { pieces, regex: new RegExp(`^${regex.join("")}$`, "s"), chinese };
}

const isWord = (text: string): boolean => !/\s/.test(text);
const length = ({ pieces }: Pattern): number => pieces.reduce((sum, piece) => sum + piece.length, 0);

/** Makes what says server sentences in Chinese. */
export function sayer(catalog: Catalog): Say {
  const exact = new Map<string, string>();
  const patterns: Pattern[] = [];
  for (const [key, text] of Object.entries(catalog)) {
    // The head of a chain: `read the plan: `.
    const [english, chinese] = [key.replace(/: $/, ""), text.replace(/：$/, "")];
    if (HOLE.test(english)) patterns.push(pattern([english, chinese]));
    else exact.set(english, chinese);
  }
  // The one that says most itself knows best.
  patterns.sort((one, other) => length(other) - length(one));

  const known = new Map<string, string | undefined>();

  /** The whole of it as one sentence. */
  function whole(text: string): string | undefined {
    const same = exact.get(text);
    if (same !== undefined || text.length > LONGEST) return same;
    return fitting(text, (one) => !text.endsWith(".") || one.pieces.at(-1)?.endsWith(".") === true) ?? failed(text) ?? sentence(text) ?? fitting(text, () => true);
  }

  function fitting(text: string, wanted: (one: Pattern) => boolean): string | undefined {
    for (const one of patterns) {
      if (!wanted(one) || !one.pieces.every((piece) => text.includes(piece))) continue;
      const match = one.regex.exec(text);
      if (match) return filled(one.chinese, ended(one.pieces, named(one.pieces, match)));
    }
    return undefined;
  }

  /** Of two holes with a space between them the first takes as many words as name a thing: "there is no {host key} {[h1]:22}". */
  function named(pieces: string[], [, ...held]: string[]): string[] {
    pieces.forEach((piece, index) => {
      if (piece !== " " || index === 0 || index === pieces.length - 1) return;
      const words = `${held[index - 1]} ${held[index]}`.split(" ");
      for (let count = words.length - 1; count > 0; count--) {
        const kind = exact.get(words.slice(0, count).join(" "));
        if (kind !== undefined) return held.splice(index - 1, 2, kind, words.slice(count).join(" "));
      }
    });
    return held;
  }

  /** After a colon at the end stands what a thing is, not whose: "release 1.37: install". */
  function ended(pieces: string[], held: string[]): string[] {
    const [before, after] = pieces.slice(-2);
    return before?.endsWith(": ") && after === "" ? held.with(-1, exact.get(held.at(-1) ?? "") ?? held.at(-1) ?? "") : held;
  }

  /** Chinese signs have no spaces between them, whatever a hole came with. */
  function filled(chinese: string, held: string[]): string {
    const said = (text: string) => thing(text) ?? told(text) ?? text;
    return chinese.replace(/\{(\d+)\}/g, (_, hole: string) => said(held[Number(hole)] ?? "")).replace(GAP, "");
  }

  /** What it is and which: `host key [h1]:22`. */
  function thing(text: string): string | undefined {
    const [, what = "", which] = /^(.+) (\S+)$/.exec(text) ?? [];
    const kind = exact.get(what);
    return kind && `${kind} ${which}`;
  }

  /** A refusal that stands for itself begins with a capital and ends with a full stop. */
  function sentence(text: string): string | undefined {
    const rest = /^([A-Z])(.+)\.$/s.exec(text);
    const chinese = rest && (whole(`${rest[1]?.toLowerCase()}${rest[2]}`) ?? whole(`${rest[1]}${rest[2]}`));
    return chinese ? `${chinese}。` : undefined;
  }

  /** Errors are written to follow "failed to"; their Chinese says so itself. */
  function failed(text: string): string | undefined {
    const rest = /^failed to (.+?)(\.?)$/is.exec(text);
    const chinese = rest?.[1] && told(rest[1]);
    return chinese ? chinese + (rest?.[2] && "。") : undefined;
  }

  /** Several things at once: `a; b`, `a, b`, and what follows its reason: `a: b: c`. Known parts are said, the others stay. */
  function parts(text: string): string | undefined {
    return placed(text) ?? list(text, "; ", "；") ?? chain(text) ?? list(text, ", ", "、");
  }

  /** What is said of one place, a host or a field: `/name: it is missing`. */
  function placed(text: string): string | undefined {
    const [, place, rest = ""] = /^(\S+): (.+)$/s.exec(text) ?? [];
    const chinese = told(rest);
    return chinese && `${place}：${chinese}`;
  }

  function list(text: string, sign: string, chinese: string): string | undefined {
    const items = text.split(sign);
    if (items.length === 1) return undefined;
    const each = items.every((item) => exact.has(item)) ? items.map((item) => exact.get(item)) : items.map(told);
    return each.some((one) => one !== undefined) ? items.map((item, at) => each[at] ?? item).join(chinese) : undefined;
  }

  function chain(text: string): string | undefined {
    if (text.split(": ").length > DEEPEST) return undefined;
    for (let at = text.lastIndexOf(": "); at > 0; at = text.lastIndexOf(": ", at - 1)) {
      const [head, tail] = [text.slice(0, at), text.slice(at + 2)];
      const [first, then] = [isWord(head) ? undefined : whole(head), told(tail)];
      if (first !== undefined || then !== undefined) return `${first ?? inside(head)}：${then ?? tail}`;
    }
    return undefined;
  }

  /** A word alone may be anybody's name: it is said where it is all there is, and stays within a sentence. */
  function told(text: string): string | undefined {
    if (isWord(text)) return undefined;
    if (known.has(text)) return known.get(text);
    const chinese = (POINTER.test(text) ? placed(text) : undefined) ?? whole(text) ?? parts(text);
    if (known.size >= KEPT) known.clear();
    known.set(text, chinese);
    return chinese;
  }

  const inside = (text: string): string => told(text) ?? text;
  return (text) => (isWord(text) ? (exact.get(text) ?? text) : inside(text));
}
