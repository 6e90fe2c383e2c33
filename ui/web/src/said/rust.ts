/** Reads Rust far enough to find what it says: its string literals, outside of comments, tests and assertions. For the tests. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Literal = { text: string; line: number };

/** Right before a literal that is not shown: an invariant, a lint's reason, a name on the wire, a line of the command line's help or of a log. */
const UNSAID =
  /(?:\b(?:expect|unreachable!|output)\(|\b(?:assert\w*|panic|todo|info|warn|error|debug|trace|\w+_span)!\([^;]*|#\[(?:expect|serde|schema|arg|command|doc|utoipa)\b[^\]]*|\bwriteln!\((?!f\b)(?:(?!doing)[^;])*)\s*(?:&?format!\(\s*)?$/;
/** Between the English and the Chinese of one text. */
const TWIN = /^[^;]*,\s*(?:&?format!\(\s*|zh: )?$/;
const CHINESE = /\p{Script=Han}/u;

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", "0": "\0" };

function unescaped(body: string): string {
  return body.replace(/\\(?:\n\s*|x([0-9a-f]{2})|u\{([0-9a-f]+)\}|(.))/gis, (_, hex?: string, code?: string, sign?: string) => {
    const point = hex ?? code;
    if (point) return String.fromCodePoint(parseInt(point, 16));
    return sign === undefined ? "" : (ESCAPES[sign] ?? sign);
  });
}

/** A comment, a raw literal, a literal, a character (not a lifetime): whichever begins first. */
const TOKEN = /\/\/[^\n]*|\/\*.*?\*\/|\bb?r(#*)".*?"\1|b?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\\n]|\\[^\n]{1,8}?)'/gs;
const TESTS = /#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod \w+ \{/;

/** Literals of one source, in their order, that are the only language of a text; tests stand at the end of a file. */
export function literals(source: string): Literal[] {
  const text = source.split(TESTS)[0] ?? "";
  const found: (Literal & { before: string; between: string })[] = [];
  let code = "";
  let at = 0;
  let line = 1;
  let between = "";
  for (const match of text.matchAll(TOKEN)) {
    const skipped = text.slice(at, match.index);
    const token = match[0];
    code = (code + skipped).slice(-240);
    between += skipped;
    line += skipped.split("\n").length - 1;
    const raw = /^b?r#*"/.test(token);
    if (raw || /^b?"/.test(token)) {
      const body = token.slice(token.indexOf('"') + 1, token.lastIndexOf('"'));
      found.push({ text: raw ? body : unescaped(body), line, before: code, between });
      code += '""';
      between = "";
    }
    line += token.split("\n").length - 1;
    at = match.index + token.length;
  }
  const twin = (index: number) => {
    const next = found[index + 1];
    return next && TWIN.test(next.between) && (CHINESE.test(next.text) || (next.text === found[index]?.text && /fix\(/.test(found[index].before.slice(-60))));
  };
  return found.filter(({ text: said, before }, index) => !UNSAID.test(before) && !CHINESE.test(said) && !twin(index)).map(({ text: said, line: of }) => ({ text: said, line: of }));
}

/** `{name}`, `{0:?}`, `{}` are holes, numbered as they come; `{{` is a brace. The end of a line is not of the sentence. */
export function holes(text: string): string {
  let count = 0;
  const numbered = text.replace(/\{\{|\}\}|\{[^{}\s]*\}/g, (hole) => (hole === "{{" ? "{" : hole === "}}" ? "}" : `{${count++}}`));
  return numbered.replace(/\n$/, "");
}

/** Two words of a language, one after the other, on one line: a script and a manifest have more. */
export function isSaid(text: string): boolean {
  const words = text.replace(/\{\d+\}/g, "0");
  return /[A-Za-z0-9][,;:.)"'`…]* [("'`]*[A-Za-z0-9]/.test(words) && /[a-z]{2}/.test(words) && !words.includes("\n");
}

/** Sources of a crate without its tests: files of their own are named after them, or belong to a module that is one. */
export function sources(root: string): string[] {
  const all = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".rs")).sort();
  const tests = all.flatMap((name) => {
    const folder = name.replace(/(?:mod|lib|main)?\.rs$/, "").replace(/([^/])$/, "$1/");
    const text = readFileSync(join(root, name), "utf8");
    return [...text.matchAll(/#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\(\w+\))? )?mod (\w+);/g)].map((match) => folder + (match[1] ?? ""));
  });
  return all.filter((name) => !/_tests?\.rs$/.test(name) && !tests.some((test) => name === `${test}.rs` || name.startsWith(`${test}/`)));
}
