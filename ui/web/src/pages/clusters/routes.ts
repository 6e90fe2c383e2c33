import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** What of a cluster's pods is shown; an address that is shared shows the same. */
export type PodsSearch = { namespace?: string; /** `Deployment/web`. */ owner?: string; troubled?: true };

function podsSearch(search: Record<string, unknown>): PodsSearch {
  const [namespace, owner] = [text(search.namespace), text(search.owner)];
  return { ...(namespace && { namespace }), ...(owner && { owner }), ...(search.troubled === true && { troubled: true }) };
}

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/clusters", component: lazyRouteComponent(() => import("./list"), "ClusterList") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site", component: lazyRouteComponent(() => import("./overview"), "ClusterOverview") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site/nodes", component: lazyRouteComponent(() => import("./nodes"), "Nodes") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site/nodes/$node", component: lazyRouteComponent(() => import("./node"), "NodePage") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site/workloads", component: lazyRouteComponent(() => import("./workloads"), "Workloads") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site/pods", validateSearch: podsSearch, component: lazyRouteComponent(() => import("./pods"), "Pods") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site/pods/$namespace/$pod", component: lazyRouteComponent(() => import("./pod"), "PodPage") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site/events", component: lazyRouteComponent(() => import("./events"), "Events") }),
] as const;

export const nav: Nav[] = [{ to: "/clusters", text: "clusters.title", group: "overview", order: 2 }];
