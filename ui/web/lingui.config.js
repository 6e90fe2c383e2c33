import { formatter } from "@lingui/format-json";

/** Ids are written out in the sources; both catalogs are written by hand and held together by `i18n.test.ts`. */
export default {
  sourceLocale: "en",
  locales: ["en", "zh"],
  catalogs: [{ path: "src/i18n/{locale}/messages", include: ["src"] }],
  format: formatter({ style: "minimal" }),
};
