/** Every area's catalogue of this language: `en.json` beside what uses it. */
export const catalogs = import.meta.glob("../**/en.json", { eager: true, query: "?texts", import: "default" });
