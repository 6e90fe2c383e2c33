import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/users", component: lazyRouteComponent(() => import("./users"), "Users") }),
  createRoute({ getParentRoute: () => inside, path: "/tokens", component: lazyRouteComponent(() => import("./tokens"), "Tokens") }),
  createRoute({ getParentRoute: () => inside, path: "/sessions", component: lazyRouteComponent(() => import("./sessions"), "Sessions") }),
  createRoute({ getParentRoute: () => inside, path: "/trust", component: lazyRouteComponent(() => import("./trust"), "Trust") }),
  createRoute({ getParentRoute: () => inside, path: "/settings", component: lazyRouteComponent(() => import("./settings"), "Settings") }),
  createRoute({ getParentRoute: () => inside, path: "/audit", component: lazyRouteComponent(() => import("./audit"), "Audit") }),
  createRoute({ getParentRoute: () => inside, path: "/about", component: lazyRouteComponent(() => import("./about"), "About") }),
] as const;

export const nav: Nav[] = [
  { to: "/users", text: "settings.users", group: "platform", order: 1, role: "admin" },
  { to: "/tokens", text: "settings.tokens", group: "platform", order: 2 },
  { to: "/sessions", text: "settings.sessions", group: "platform", order: 3 },
  { to: "/trust", text: "settings.trust", group: "platform", order: 4 },
  { to: "/settings", text: "settings.settings", group: "platform", order: 5, role: "admin" },
  { to: "/audit", text: "settings.audit", group: "platform", order: 6, role: "admin" },
  { to: "/about", text: "settings.about", group: "platform", order: 7 },
];
