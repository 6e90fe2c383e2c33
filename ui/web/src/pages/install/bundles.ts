import { api, type Of } from "../../api/client";
import { useList } from "../../api/data";

/** The newest one first. */
export const useBundles = () => useList("bundles", (query) => api.GET("/api/v1/bundles", { params: { query } }), { sort: "-addedAt" });

/** What a command line calls it: where an uploaded one lies is the server's own affair. */
export const fileOf = (bundle: Of<"Bundle"> | undefined): string => (bundle && !bundle.uploaded ? bundle.path : "armilla.bundle");
