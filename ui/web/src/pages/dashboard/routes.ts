import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/", component: lazyRouteComponent(() => import("./dashboard"), "Dashboard") }),
] as const;

export const nav: Nav[] = [{ to: "/", text: "dashboard.title", group: "overview", order: 1 }];
