import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/bundles", component: lazyRouteComponent(() => import("./list"), "BundleList") }),
  createRoute({ getParentRoute: () => inside, path: "/bundles/$id", component: lazyRouteComponent(() => import("./detail"), "BundlePage") }),
] as const;

export const nav: Nav[] = [{ to: "/bundles", text: "bundles.title", group: "install", order: 3 }];
