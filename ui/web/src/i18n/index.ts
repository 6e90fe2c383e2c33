import { i18n, type Messages } from "@lingui/core";
import { useLingui } from "@lingui/react";
import { useMemo } from "react";

export type Language = "en" | "zh";
export type Text = (id: string, values?: Record<string, unknown>) => string;

/** What was chosen last, else what the browser prefers. */
export function language(): Language {
  const chosen = localStorage.getItem("language");
  if (chosen === "en" || chosen === "zh") return chosen;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

/** Loads one language, and only that one. */
export async function activate(wanted: Language): Promise<void> {
  const { catalogs } = wanted === "zh" ? await import("./zh") : await import("./en");
  const messages = Object.assign({}, ...Object.values(catalogs)) as Messages;
  i18n.loadAndActivate({ locale: wanted, messages });
  localStorage.setItem("language", wanted);
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en";
}

/** Texts by their ids; a component that uses it is drawn anew when the language changes, and until then it is the same function. */
export function useText(): Text {
  const { i18n: current } = useLingui();
  const { locale: spoken } = current;
  return useMemo(() => (id, values) => current._(id, values), [current, spoken]);
}

/** For numbers and dates, where there is no component. */
export function locale(): string {
  return i18n.locale === "zh" ? "zh-CN" : "en-GB";
}
