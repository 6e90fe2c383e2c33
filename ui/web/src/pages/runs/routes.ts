import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside, type Nav } from "../../app/frame";
import { LEVELS, type Level } from "./log";

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined);

type List = { site?: string | undefined; state?: string | undefined; intent?: string | undefined };
/** What a run's page shows: a place in its picture, which lines of its log, and one of them. */
type One = { at?: string | undefined; host?: string | undefined; phase?: string | undefined; level?: Level | undefined; text?: string | undefined; line?: string | undefined };
type Two = { a?: string | undefined; b?: string | undefined };

const list = (search: Record<string, unknown>): List => ({ site: text(search.site), state: text(search.state), intent: text(search.intent) });
const one = (search: Record<string, unknown>): One => ({
  at: text(search.at),
  host: text(search.host),
  phase: text(search.phase),
  level: LEVELS.find((level) => level === search.level),
  text: text(search.text),
  line: text(search.line),
});
const two = (search: Record<string, unknown>): Two => ({ a: text(search.a), b: text(search.b) });

export const routes = [
  createRoute({ getParentRoute: () => inside, path: "/runs", validateSearch: list, component: lazyRouteComponent(() => import("./list"), "RunList") }),
  createRoute({ getParentRoute: () => inside, path: "/runs/compare", validateSearch: two, component: lazyRouteComponent(() => import("./compare"), "Compare") }),
  createRoute({ getParentRoute: () => inside, path: "/runs/$id", validateSearch: one, component: lazyRouteComponent(() => import("./run"), "RunPage") }),
] as const;

export const nav: Nav[] = [{ to: "/runs", text: "runs.title", group: "overview", order: 3 }];
