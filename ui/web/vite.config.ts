import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { compileMessageOrThrow } from "@lingui/message-utils/compileMessage";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { boot } from "./src/boot/plugin.ts";

/** `xx.json?texts`: a catalogue with its ICU messages taken apart, so that no parser travels to the browser. */
function texts(): Plugin {
  return {
    name: "texts",
    enforce: "pre",
    load(id) {
      if (!id.endsWith(".json?texts")) return null;
      const file = id.slice(0, -"?texts".length);
      this.addWatchFile(file);
      const messages = Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, string>);
      const compiled = Object.fromEntries(messages.map(([key, text]) => [key, compileMessageOrThrow(text)]));
      return { code: `export default ${JSON.stringify(compiled)}`, moduleType: "js" };
    },
  };
}

/** The kit's own typefaces and page grounds: the look has none, and they would be half of what is embedded. */
function withoutFonts(): Plugin {
  return {
    name: "without-fonts",
    enforce: "pre",
    transform(code, id) {
      if (!/@patternfly\/.*\.css$/.test(id)) return null;
      return code.replace(/@font-face\s*\{[^}]*\}/g, "").replace(/url\([^)]*-Bkg-[^)]*\)/g, "none");
    },
  };
}

/** Styles of the application stand behind the shell that is painted first: what stands before a style sheet of the body does not wait for it. */
function shellFirst(): Plugin {
  return {
    name: "shell-first",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(html) {
        const sheets = html.match(/ *<link rel="stylesheet" crossorigin [^>]*>\n/g) ?? [];
        return sheets.reduce((rest, sheet) => rest.replace(sheet, ""), html).replace(/ *<\/body>/, `${sheets.join("")}  </body>`);
      },
    },
  };
}

/** The folder stays in the checkout when it is empty: cargo watches it. */
function keepFolder(): Plugin {
  return { name: "keep-folder", apply: "build", closeBundle: () => writeFile("dist/.gitignore", "*\n!.gitignore\n") };
}

// Every asset is a file of its own origin: the server's policy forbids data: and whatever stands in the page without its digest.
export default defineConfig({
  plugins: [react(), texts(), withoutFonts(), boot(), shellFirst(), keepFolder()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rollupOptions: { output: { hashCharacters: "hex" } },
  },
  server: { proxy: { "/api": { target: "https://127.0.0.1:9443", secure: false, ws: true, headers: { origin: "https://127.0.0.1:9443" } } } },
  test: { include: ["src/**/*.test.{ts,tsx}"] },
});
