// @vitest-environment jsdom
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { routes } from "../app/areas";
import { pages, type Files } from "./plugin.ts";

const FILES: Files = {
  languages: { en: "/assets/en.js", zh: "/assets/zh.js" },
  pages: [["/runs", ["/assets/list.js"]], ["/runs/compare", ["/assets/compare.js"]], ["/runs/$id", ["/assets/run.js", "/assets/run.css"]]],
};

/** What is asked for on the way to a path by somebody who has `kept` these in the browser: files, then answers. */
function asked(path: string, kept: Record<string, string>, prefers = "en-GB"): string[] {
  document.head.innerHTML = "";
  localStorage.clear();
  for (const [key, value] of Object.entries(kept)) localStorage.setItem(key, value);
  window.history.replaceState(null, "", path);
  vi.stubGlobal("fetch", () => Promise.reject(new Error("nobody is there")));
  vi.stubGlobal("matchMedia", () => ({ matches: true }));
  vi.spyOn(navigator, "language", "get").mockReturnValue(prefers);
  const source = readFileSync(`${import.meta.dirname}/boot.js`, "utf8");
  (new Function(`return (${source})`)() as (files: Files) => void)(FILES);
  const links = [...document.head.querySelectorAll("link")].map(({ rel, href }) => `${rel} ${new URL(href).pathname}`);
  return [...links, ...(window.early?.keys() ?? [])];
}
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test("what a path's page will want is asked for at once", () => {
  const known = { language: "en" };
  expect(asked("/runs/r-7", known)).toEqual(["modulepreload /assets/en.js", "modulepreload /assets/run.js", "preload /assets/run.css", "/api/v1/me"]);
  expect(asked("/runs/compare", known)).toContain("modulepreload /assets/compare.js");
  expect(asked("/nowhere/at/all", known)).toEqual(["modulepreload /assets/en.js", "/api/v1/me"]);
  expect(asked("/login", known)).toEqual(["modulepreload /assets/en.js", "/api/v1/entrance"]);
  expect(asked("/", {}, "zh-CN"), "was never here, and has to log in").toEqual(["modulepreload /assets/zh.js", "/api/v1/me", "/api/v1/entrance"]);
});

test("theme and language are those that were chosen, else the system's", () => {
  const root = document.documentElement;
  asked("/", { theme: "light", language: "en" }, "zh-CN");
  expect([root.lang, root.classList.contains("pf-v6-theme-dark")]).toEqual(["en", false]);
  asked("/", {}, "zh-TW");
  expect([root.lang, root.classList.contains("pf-v6-theme-dark")]).toEqual(["zh-CN", true]);
});

test("every page of every area is known, and what is named in full comes first", () => {
  const known = pages().map(([path]) => path);
  const made = routes.map(({ options }) => (options as { path: string }).path);
  expect([...known].sort()).toEqual(made.sort());
  expect(known.indexOf("/runs/compare")).toBeLessThan(known.indexOf("/runs/$id"));
});
