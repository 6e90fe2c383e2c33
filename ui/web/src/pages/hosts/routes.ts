import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/hosts", component: lazyRouteComponent(() => import("./sites"), "HostSites") }),
  createRoute({
    getParentRoute: () => inside,
    path: "/hosts/$site",
    validateSearch: ({ host }: Record<string, unknown>): { host?: string } => (typeof host === "string" ? { host } : {}),
    component: lazyRouteComponent(() => import("./site"), "SiteHosts"),
  }),
] as const;

export const nav: Nav[] = [{ to: "/hosts", text: "hosts.title", group: "install", order: 2 }];
