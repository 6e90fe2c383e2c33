/** Every page that there is, for what is looked at on all of them: axe, widths, screenshots. A new page adds a line. */
import type { Page } from "playwright-core";
import { SHUT, SITE } from "./recorded";
import type { Say } from "./words";

export const PAGES = ["/", "/runs", "/install", "/bundles", "/clusters", "/hosts", "/users", "/tokens", "/sessions", "/trust", "/settings", "/audit", "/about", "/no-such-page"] as const;

/** Before anybody is logged in. */
export const DOORS = ["/login"] as const;

export const fileName = (path: string): string => (path === "/" ? "dashboard" : path.slice(1).replace(/sha256:.*/, "one").replaceAll("/", "-"));

/** What can be seen with the recorded server behind: a page with data, or a state of it that somebody opened. */
export type Sight = {
  name: string;
  path: string;
  /** Opens it. */
  act?: (page: Page, say: Say) => Promise<unknown>;
  /** Is there as soon as the page is whole. */
  until?: string;
};

const BUNDLE = "/bundles/sha256:272ccc2a46e532a8788da7ebf29d76e8b0f668eecd0d0b8c4db63d2325979745";
const at = (part = "") => `/clusters/${SITE}${part}`;
const press = (id: string) => (page: Page, say: Say) => page.getByRole("button", { name: say(id) }).first().click();

export const SIGHTS: Sight[] = [
  { name: "dashboard", path: "/", until: "main a[href*='/runs/']" },
  { name: "palette", path: "/", act: (page) => page.keyboard.press("Control+k"), until: "dialog[open] input, [role=dialog] input" },
  { name: "runs-tray", path: "/", act: (page, say) => page.getByRole("button", { name: say("app.runsTray") }).click(), until: ".popup-body:not([hidden]) a" },
  { name: "runs", path: "/runs", until: ".strip" },
  { name: "runs-none-match", path: "/runs?state=abandoned", until: ".runs-filter" },
  { name: "run-live", path: "/runs/r-4", until: ".runlog-line" },
  { name: "run-live-table", path: "/runs/r-4", act: press("runs.asTable"), until: ".runlog-line" },
  { name: "run-degraded", path: "/runs/r-1", until: ".runlog-output" },
  { name: "run-phase", path: "/runs/r-1?at=h1/found", until: ".steplist" },
  { name: "run-step", path: "/runs/r-1?at=h1/found/certs", until: "pre.evidence" },
  { name: "run-failed-step", path: "/runs/r-1?at=h3/place/containerd", until: "[role=complementary] .banner, aside .facts" },
  { name: "run-cancelled", path: "/runs/r-2", until: ".runlog-line" },
  { name: "run-errors", path: "/runs/r-1?level=error", until: ".runlog-line" },
  { name: "compare", path: "/runs/compare?a=r-3&b=r-1", until: ".versus-grid" },
  { name: "clusters", path: "/clusters" },
  { name: "cluster", path: at(), until: ".tabs" },
  { name: "cluster-kubeconfig", path: at(), act: press("clusters.kubeconfig"), until: "dialog[open], [role=dialog]" },
  { name: "nodes", path: at("/nodes"), until: ".grid-body [role=row]" },
  { name: "nodes-map", path: at("/nodes"), act: press("clusters.asMap"), until: ".node-map" },
  { name: "node", path: at("/nodes/h2"), until: ".grid-body [role=row]" },
  { name: "workloads", path: at("/workloads"), until: ".grid-body [role=row]" },
  { name: "pods", path: at("/pods"), until: ".grid-body [role=row]" },
  { name: "pod", path: at("/pods/shop/web-7c9bb99c5f-4jrv8"), until: ".log-line" },
  { name: "pod-crashes", path: at("/pods/shop/payments-6dd94d847-hzjnx"), until: ".log-line" },
  { name: "terminal", path: at("/nodes/h3"), act: (page) => page.getByRole("button", { name: /h3/ }).first().click(), until: ".xterm-rows" },
  { name: "events", path: at("/events"), until: ".grid-body [role=row]" },
  { name: "cluster-not-installed", path: `/clusters/${SHUT}` },
  { name: "hosts", path: "/hosts" },
  { name: "hosts-of-site", path: `/hosts/${SITE}`, until: ".grid-body [role=row]" },
  { name: "host", path: `/hosts/${SITE}?host=h1`, until: "aside .facts" },
  { name: "hosts-shut", path: `/hosts/${SHUT}`, act: press("hosts.scan"), until: "main .pf-v6-c-alert" },
  { name: "bundles", path: "/bundles", until: ".grid-body [role=row]" },
  { name: "bundle", path: BUNDLE, until: ".size-map" },
  { name: "install", path: "/install" },
  ...(["bundle", "hosts", "roles", "options"] as const).map((step) => ({ name: `install-${step}`, path: `/install/${SHUT}?step=${step}` })),
  { name: "users-add", path: "/users", act: press("settings.addUser"), until: "dialog[open], [role=dialog]" },
  { name: "tokens-make", path: "/tokens", act: press("settings.makeToken"), until: "dialog[open], [role=dialog]" },
  { name: "audit-entry", path: "/audit", act: (page) => page.locator(".grid-body [role=row] button").first().click(), until: "[role=complementary] .facts, aside .facts" },
];
