/** Puts the first styles and the first script into the page. The server's policy lets them in by their digests, which ../../build.rs takes. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Plugin, Rolldown } from "vite";

type Bundle = Rolldown.OutputBundle;
type Chunk = Rolldown.OutputChunk;
/** What `boot.js` is told. */
export type Files = { languages: Record<string, string>; pages: [path: string, files: string[]][] };

const PLACE = "<!-- boot -->";
const here = (path: string) => resolve(import.meta.dirname, path);

export function boot(): Plugin {
  return {
    name: "boot",
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle, filename }) {
        // A page of the benchmarks is built by this configuration too.
        if (filename !== here("../../index.html")) return html;
        if (!html.includes(PLACE)) throw new Error(`${filename} has no ${PLACE}`);
        const files = bundle ? named(bundle) : { languages: {}, pages: [] };
        const style = readFileSync(here("boot.css"), "utf8");
        const script = `(${readFileSync(here("boot.js"), "utf8")})(${JSON.stringify(files)});`;
        return html.replace(PLACE, () => `<style>${style}</style>\n    <script>${script}</script>`);
      },
    },
  };
}

/** The files of each language and of each page, those left out that the page begins with anyhow. */
function named(bundle: Bundle): Files {
  const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
  const entry = chunks.find(({ isEntry }) => isEntry);
  if (!entry) throw new Error("the build has no entry");
  const first = new Set(closure(bundle, entry));
  const filesOf = (module: string) => {
    const chunk = chunks.find(({ facadeModuleId }) => facadeModuleId === module);
    if (!chunk) throw new Error(`the build has no file of ${module}`);
    const own = closure(bundle, chunk).filter((one) => !first.has(one));
    return own.flatMap((one) => [one.fileName, ...(one.viteMetadata?.importedCss ?? [])]).map((file) => `/${file}`);
  };
  const language = (name: string) => [name, filesOf(here(`../i18n/${name}.ts`))[0] ?? ""];
  return {
    languages: Object.fromEntries(["en", "zh"].map(language)),
    pages: pages().map(([path, module]) => [path, filesOf(module)]),
  };
}

/** A chunk and all that it imports, itself first. */
function closure(bundle: Bundle, from: Chunk): Chunk[] {
  const found = new Set([from]);
  for (const chunk of found) {
    for (const name of chunk.imports) {
      const imported = bundle[name];
      if (imported?.type === "chunk") found.add(imported);
    }
  }
  return [...found];
}

/** Every path and the module of its page, as the areas' `routes.ts` say it; what is named in full before what stands for any part. */
export function pages(): [path: string, module: string][] {
  const areas = readdirSync(here("../pages")).map((area) => here(`../pages/${area}`));
  const found = areas.filter((area) => existsSync(`${area}/routes.ts`)).flatMap((area) => {
    const source = readFileSync(`${area}/routes.ts`, "utf8");
    const routes = [...source.matchAll(/path: "([^"]+)"[^]*?lazyRouteComponent\(\(\) => import\("([^"]+)"\)/g)];
    const count = source.split("createRoute({").length - 1;
    if (routes.length !== count) throw new Error(`${area}: ${count} routes, but ${routes.length} of them are written as the others are`);
    return routes.map(([, path = "", module = ""]): [string, string] => [path, `${resolve(area, module)}.tsx`]);
  });
  const rank = ([path]: [string, string]) => path.replaceAll("$", "\uffff");
  return found.sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
}
