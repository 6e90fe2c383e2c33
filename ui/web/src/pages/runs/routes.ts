import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/runs", component: lazyRouteComponent(() => import("./list"), "RunList") }),
  createRoute({ getParentRoute: () => inside, path: "/runs/$id", component: lazyRouteComponent(() => import("./run"), "RunPage") }),
] as const;

export const nav: Nav[] = [{ to: "/runs", text: "runs.title", group: "overview", order: 2 }];
