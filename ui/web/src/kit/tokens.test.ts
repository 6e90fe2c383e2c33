import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** WCAG 2.2 relative luminance of `#rrggbb`. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const css = readFileSync("src/kit/tokens.css", "utf8");
const [light = "", dark = ""] = css.split(":root.pf-v6-theme-dark");

function tokens(block: string): Map<string, string> {
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

test.each([["light", light], ["dark", dark]])("text and marks of the %s theme can be read on every ground", (_, block) => {
  const all = tokens(block);
  const grounds = ["bg", "surface", "sunken"].map((name) => all.get(name) ?? "");
  for (const ground of grounds) {
    for (const name of ["text", "muted", "brand", "accent", "ok", "bad", "info", "warn"]) {
      expect(contrast(all.get(name) ?? "", ground), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
    for (const name of ["fill-ok", "fill-run", "fill-bad", "fill-warn", "fill-wait"]) {
      expect(contrast(all.get(name) ?? "", ground), `${name} on ${ground}`).toBeGreaterThanOrEqual(2.5);
    }
  }
});
