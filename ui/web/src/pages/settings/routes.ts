import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/audit", component: lazyRouteComponent(() => import("./audit"), "Audit") }),
  createRoute({ getParentRoute: () => inside, path: "/users", component: lazyRouteComponent(() => import("./users"), "Users") }),
] as const;

export const nav: Nav[] = [
  { to: "/users", text: "settings.users", group: "platform", order: 1, role: "admin" },
  { to: "/audit", text: "settings.audit", group: "platform", order: 3, role: "admin" },
];
