import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/clusters", component: lazyRouteComponent(() => import("./list"), "ClusterList") }),
  createRoute({ getParentRoute: () => inside, path: "/clusters/$site", component: lazyRouteComponent(() => import("./overview"), "ClusterOverview") }),
] as const;

export const nav: Nav[] = [{ to: "/clusters", text: "clusters.title", group: "clusters", order: 1 }];
