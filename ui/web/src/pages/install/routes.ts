import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";
import { isStep, type Step } from "./steps";

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/install", component: lazyRouteComponent(() => import("./start"), "Start") }),
  createRoute({
    getParentRoute: () => inside,
    path: "/install/$site",
    validateSearch: ({ step }: Record<string, unknown>): { step?: Step } => (isStep(step) ? { step } : {}),
    component: lazyRouteComponent(() => import("./wizard"), "Wizard"),
  }),
] as const;

export const nav: Nav[] = [{ to: "/install", text: "install.title", group: "install", order: 1, role: "operator" }];
