/** Every area's catalogue of this language: `zh.json` beside what uses it. */
export const catalogs = import.meta.glob("../**/zh.json", { eager: true, query: "?texts", import: "default" });
