/** What is asked of a cluster. No stream tells of it: a page that is looked at asks again by itself. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client";
import { useRead } from "../../api/data";
import { settle, type Asked } from "../../api/problem";
import { arranged, type Keys } from "./arrange";

/** Between two questions, in milliseconds: of what is small, and of lists that come in several pages. */
const SOON = 10_000;
const LATER = 60_000;
/** Rows of a page, as many as the server gives; and of a list, beyond which nobody reads it. */
const PAGE = 500;
const MOST = 10_000;

type Page<Row> = { items: Row[]; continue?: string | null };
export type Part = { limit: number; continue?: string };

/** All pages of a list one after the other. `cut`: there is more than is shown. */
async function everything<Row>(ask: (part: Part) => Asked<Page<Row>>): Promise<{ rows: Row[]; cut: boolean }> {
  const rows: Row[] = [];
  let next = "";
  do {
    const { body } = await settle(ask({ limit: PAGE, ...(next && { continue: next }) }));
    rows.push(...body.items);
    next = body.continue ?? "";
  } while (next && rows.length < MOST);
  return { rows, cut: next !== "" };
}

type Shape<Row> = {
  keys: Keys<Row>;
  sort?: string;
  /** What a row is found by. */
  words: (row: Row) => string;
  /** Which rows the page shows at all. */
  only?: (row: Row) => boolean;
};

/** A list of a cluster, as `DataGrid` takes it. */
export function useAll<Row>(key: readonly unknown[], ask: (part: Part) => Asked<Page<Row>>, { keys, words, only, ...first }: Shape<Row>) {
  const [sort, setSort] = useState(first.sort);
  const [search, setSearch] = useState("");
  const read = useQuery({
    queryKey: ["clusters", ...key],
    queryFn: () => everything(ask),
    refetchInterval: ({ state }) => ((state.data?.rows.length ?? 0) > PAGE ? LATER : SOON),
  });
  const all = read.data?.rows;
  const wanted = only ? all?.filter(only) : all;
  const rows = wanted && arranged(wanted, keys, sort, search, words);
  return {
    all,
    cut: read.data?.cut ?? false,
    /** When the last answer came, in Unix milliseconds. */
    readAt: read.dataUpdatedAt,
    error: read.error,
    retry: () => void read.refetch(),
    grid: { rows, total: rows?.length ?? 0, sort, setSort, search, setSearch },
  };
}

/** A cluster's health, etcd's with it. */
export const useHealth = (site: string, enabled = true) =>
  useRead(["clusters", site, "health"], () => api.GET("/api/v1/clusters/{site}", { params: { path: { site } } }), { every: SOON, enabled });

export const usePod = (site: string, namespace: string, pod: string) =>
  useRead(["clusters", site, "pod", namespace, pod], () => api.GET("/api/v1/clusters/{site}/pods/{namespace}/{pod}", { params: { path: { site, namespace, pod } } }), { every: SOON });

export const useNode = (site: string, node: string) =>
  useRead(["clusters", site, "node", node], () => api.GET("/api/v1/clusters/{site}/nodes/{node}", { params: { path: { site, node } } }), { every: SOON });

export const useAddOns = (site: string) =>
  useRead(["clusters", site, "addons"], () => api.GET("/api/v1/clusters/{site}/addons", { params: { path: { site } } }), { every: SOON });

/** Dates change seldom, and every host is asked for them: once, and again when the page is opened anew. */
export const useCertificates = (site: string) =>
  useRead(["clusters", site, "certificates"], () => api.GET("/api/v1/clusters/{site}/certificates", { params: { path: { site } } }), { every: 10 * LATER });

/** RFC 3339 in Unix milliseconds. */
export const at = (time: string | null | undefined): number | null => (time ? Date.parse(time) : null);
