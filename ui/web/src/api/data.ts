/**
 * What the server last said. The stream says what is old; nothing is asked for by the clock.
 *
 *     const run = useRead(["runs", id], () => api.GET("/api/v1/runs/{id}", { params: { path: { id } } }));
 *     const cancel = useChange(() => api.POST("/api/v1/runs/{id}/cancel", { params: { path: { id } } }));
 *
 * A key begins with its topic of the stream (`runs`, `sites`, …): a change of that topic reads it again.
 */
import {
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  queryOptions,
  useInfiniteQuery,
  useMutation,
  useQuery,
  type QueryKey,
} from "@tanstack/react-query";
import { useState } from "react";
import { settle, Trouble, type Asked } from "./problem";
import { watch } from "./watch";

export type Topic =
  | "users" | "sessions" | "tokens" | "settings" | "credentials" | "secrets" | "sites" | "drafts" | "hostKeys" | "bundles"
  | "uploads" | "waivers" | "checks" | "plans" | "runs" | "events" | "requests" | "audit"
  /** Is asked of a cluster or of the instance itself; no stream tells of it. */
  | "clusters" | "instance";
export type Key = readonly [Topic, ...unknown[]];

/** Called when an answer says that nobody is logged in (any more). */
let onLoggedOut: () => void = () => undefined;
export const whenLoggedOut = (act: () => void): void => void (onLoggedOut = act);
const noteTrouble = (error: unknown) => {
  if (error instanceof Trouble && error.kind === "login-needed") onLoggedOut();
};

export const queries = new QueryClient({
  queryCache: new QueryCache({ onError: noteTrouble }),
  mutationCache: new MutationCache({ onError: noteTrouble }),
  defaultOptions: {
    queries: {
      staleTime: Infinity,
      // What the server refused it refuses again; a line that was down may come back.
      retry: (tries, error) => tries < 3 && error instanceof Trouble && (error.problem.status === 0 || error.problem.status === 503),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

watch.listen({
  change: ({ topic, index }) => {
    if (index !== undefined) void queries.invalidateQueries({ queryKey: [topic] });
    // What keeps a run from going on is no change of the run: both say it when they are asked.
    if (topic === "held") for (const key of ["runs", "requests"]) void queries.invalidateQueries({ queryKey: [key] });
  },
  gap: readAgain,
});

/** What is shown may be old: it is read again. An answer that is on its way may be as old, and is asked for once more when it is here. */
function readAgain(): void {
  for (const query of queries.getQueryCache().findAll({ fetchStatus: "fetching" })) {
    const once = () => void queries.invalidateQueries({ queryKey: query.queryKey, exact: true });
    query.promise?.then(once, () => undefined);
  }
  void queries.invalidateQueries({ fetchStatus: "idle" });
}

/** For `useQuery`, and for what is read before a page is drawn. */
export const reading = <Body>(key: Key, ask: () => Asked<Body>) =>
  queryOptions<Body, Error, Body, QueryKey>({ queryKey: key, queryFn: async () => (await settle(ask())).body });

/** One resource, kept up to date. */
export function useRead<Body>(key: Key, ask: () => Asked<Body>, options: { enabled?: boolean; every?: number } = {}) {
  const { enabled = true, every } = options;
  return useQuery({ ...reading(key, ask), enabled, ...(every ? { refetchInterval: every } : {}) });
}

/** A change. Its trouble is for the page to show. */
export function useChange<Input, Body>(ask: (input: Input) => Asked<Body>) {
  return useMutation<Body, Trouble, Input>({ mutationFn: async (input) => (await settle(ask(input))).body });
}

export type ListQuery = { filter?: string; sort?: string; limit?: number; continue?: string };
type Page<Row> = { items: Row[]; total?: number | null; continue?: string | null };

/** Rows of a page of the server's list. */
const PAGE = 500;

/** A list as the server filters, sorts and cuts it; `DataGrid` draws it. */
export function useList<Row>(topic: Topic, ask: (query: ListQuery) => Asked<Page<Row>>, first: { sort?: string; filter?: string; key?: unknown[] } = {}) {
  const [sort, setSort] = useState(first.sort);
  const [search, setSearch] = useState("");
  const filter = [first.filter, search].filter(Boolean).join(",");
  const read = useInfiniteQuery({
    queryKey: [topic, "list", first.key ?? [], sort, filter],
    queryFn: async ({ pageParam }) => {
      const query = { limit: PAGE, ...(sort && { sort }), ...(filter && { filter }), ...(pageParam && { continue: pageParam }) };
      return (await settle(ask(query))).body;
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.continue ?? undefined,
    placeholderData: keepPreviousData,
  });
  const rows = read.data?.pages.flatMap((page) => page.items);
  return {
    rows,
    total: read.data?.pages.at(-1)?.total ?? rows?.length ?? 0,
    error: read.error,
    /** When it was last read, in Unix milliseconds. */
    readAt: read.dataUpdatedAt,
    retry: () => void read.refetch(),
    sort,
    setSort,
    search,
    setSearch,
    /** Reads the next page, if there is one. */
    more: () => {
      if (read.hasNextPage && !read.isFetchingNextPage) void read.fetchNextPage();
    },
  };
}

/** A value as a condition of a list's filter takes it: a comma would begin the next condition. */
export const filterValue = (value: string) => value.replace(/[\\,]/g, "\\$&");
