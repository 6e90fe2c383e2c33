import { i18n } from "@lingui/core";
import { useLingui } from "@lingui/react";

export type Language = "en" | "zh";
export type Text = (id: string, values?: Record<string, unknown>) => string;

/** What was chosen last, else what the browser prefers. */
export function language(): Language {
  const chosen = localStorage.getItem("language");
  if (chosen === "en" || chosen === "zh") return chosen;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

/** Loads one catalogue, and only that one. */
export async function activate(wanted: Language): Promise<void> {
  const { messages } =
    wanted === "zh" ? await import("./zh/messages.json?lingui") : await import("./en/messages.json?lingui");
  i18n.loadAndActivate({ locale: wanted, messages });
  localStorage.setItem("language", wanted);
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en";
}

/** Texts by their ids; a component that uses it is drawn anew when the language changes. */
export function useText(): Text {
  const { i18n: current } = useLingui();
  return (id, values) => current._(id, values);
}
