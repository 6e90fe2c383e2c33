import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setupI18n } from "@lingui/core";
import { compileMessageOrThrow } from "@lingui/message-utils/compileMessage";
import type { Language } from "./browser";

/** What the UI says in a language: `say("install.connect", { count: 3 })`. */
export type Say = (id: string, values?: Record<string, string | number>) => string;

/** From the catalogues themselves, so that a better word breaks no test. */
export function words(language: Language): Say {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => basename(file) === `${language}.json`);
  const texts = new Map(files.flatMap((file) => Object.entries(JSON.parse(readFileSync(join("src", file), "utf8")) as Record<string, string>)));
  const locale = language === "zh" ? "zh-CN" : "en-GB";
  const i18n = setupI18n({ locale, messages: { [locale]: Object.fromEntries([...texts].map(([id, text]) => [id, compileMessageOrThrow(text)])) } });
  return (id, values) => {
    if (!texts.has(id)) throw new Error(`the catalogues have no ${id}`);
    return i18n._(id, values);
  };
}
