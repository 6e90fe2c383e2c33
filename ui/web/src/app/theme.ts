export type Theme = "system" | "light" | "dark";

export function theme(): Theme {
  const chosen = localStorage.getItem("theme");
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** Puts the theme on at once and remembers it for `boot.js`. */
export function putOn(wanted: Theme): void {
  localStorage.setItem("theme", wanted);
  const dark = wanted === "dark" || (wanted === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme() === "system" && putOn("system"));
