import { useQueries } from "@tanstack/react-query";
import { api, type Item } from "../../api/client";
import { reading } from "../../api/data";

type Site = Item<"List_Site">;

/** Clusters that the dashboard asks: each answer is a connection to a host. The list of clusters has them all. */
const MOST = 12;
/** No stream tells of clusters: nodes are asked each minute, certificates each hour. Milliseconds. */
const MINUTE = 60_000;

const founded = (sites: readonly Site[]) => sites.filter((site) => site.founded).slice(0, MOST);

/** Of every cluster, its nodes: the last answer stays when the next one does not come. */
export function useNodes(sites: readonly Site[]) {
  const asked = founded(sites);
  const answers = useQueries({
    queries: asked.map(({ name }) => ({
      ...reading(["clusters", name, "nodes", "all"], () => api.GET("/api/v1/clusters/{site}/nodes", { params: { path: { site: name }, query: { limit: 500 } } })),
      refetchInterval: MINUTE,
    })),
  });
  return asked.map(({ name }, at) => ({ site: name, answer: answers[at] }));
}

export function useCertificates(sites: readonly Site[]) {
  const asked = founded(sites);
  const answers = useQueries({
    queries: asked.map(({ name }) => ({
      ...reading(["clusters", name, "certificates"], () => api.GET("/api/v1/clusters/{site}/certificates", { params: { path: { site: name } } })),
      refetchInterval: 60 * MINUTE,
    })),
  });
  return asked.map(({ name }, at) => ({ site: name, answer: answers[at] }));
}
