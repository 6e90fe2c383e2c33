/** Every page that there is, for what is looked at on all of them: axe, widths, screenshots. A new page adds a line. */
import type { Page } from "playwright-core";
import { BEGUN, titleOf } from "./begun";
import { SHUT, SITE } from "./recorded";
import type { Say } from "./words";

export const PAGES = ["/", "/runs", "/install", "/bundles", "/clusters", "/hosts", "/users", "/tokens", "/sessions", "/trust", "/settings", "/audit", "/about", "/no-such-page"] as const;

/** What every page must fit: a laptop, a wide screen, a phone, and 640 × 360, which is 1280 × 720 at 200 %. */
export const SIZES = [[1280, 720], [1920, 1080], [390, 844], [640, 360]] as const;

/** Before anybody is logged in. */
export const DOORS = ["/login"] as const;

export const fileName = (path: string): string => (path === "/" ? "dashboard" : path.slice(1).replace(/sha256:.*/, "one").replaceAll("/", "-"));

/** By what the path begins with, after `/api/v1`: a body, a status, or no answer at all. */
type Answers = Record<string, object | number | "away">;

/** Makes the server say so, until the page leads elsewhere. */
export async function answer(page: Page, answers: Answers): Promise<void> {
  await page.unrouteAll({ behavior: "ignoreErrors" });
  for (const [path, said] of Object.entries(answers)) {
    await page.route((url) => url.pathname.startsWith(`/api/v1${path}`), (route) => {
      if (said === "away") return route.abort();
      if (typeof said === "number") return route.fulfill({ status: said, contentType: "application/problem+json", body: JSON.stringify(PROBLEMS[said]) });
      return route.fulfill({ json: said });
    });
  }
}

/** As the server puts them: `appliance/api/src/access/mod.rs` and `installer/cluster/src/error.rs`. */
const PROBLEMS: Record<number, object> = {
  403: {
    type: "urn:armilla:problem:forbidden", title: "The role does not allow this", status: 403,
    detail: "This needs the role admin, and the caller is viewer.", hint: "an administrator may change the role",
  },
  502: {
    type: "urn:armilla:problem:upstream", title: "Another machine did not do its part", status: 502,
    detail: "Failed to reach the cluster's API to ask the API server for its health: Connection refused (os error 111).",
    hint: "on a control plane: systemctl status kubelet armilla-node; crictl ps -a shows why the API server is not there",
  },
};
const NONE = { items: [], total: 0 };

/** What can be seen with the recorded server behind: a page with data, or a state of it that somebody opened. */
export type Sight = {
  name: string;
  path: string;
  /** What the server says instead of what was recorded. */
  answers?: Answers;
  /** Opens it. */
  act?: (page: Page, say: Say) => Promise<unknown>;
  /** Is there as soon as the page is whole. */
  until?: string;
};

const BUNDLE = "/bundles/sha256:272ccc2a46e532a8788da7ebf29d76e8b0f668eecd0d0b8c4db63d2325979745";
const at = (part = "") => `/clusters/${SITE}${part}`;
const press = (id: string) => (page: Page, say: Say) => page.getByRole("button", { name: say(id) }).first().click();
/** Opens what a check found; it is called as its title. */
const finding = (check: string) => (page: Page) => page.getByRole("button", { name: titleOf(check) }).click();

export const SIGHTS: Sight[] = [
  { name: "dashboard", path: "/", until: "main a[href*='/runs/']" },
  { name: "dashboard-empty", path: "/", answers: { "/sites": NONE, "/runs": NONE, "/bundles": NONE }, until: ".first" },
  { name: "runs-empty", path: "/runs", answers: { "/runs": NONE }, until: ".empty" },
  { name: "clusters-empty", path: "/clusters", answers: { "/sites": NONE }, until: ".empty" },
  { name: "hosts-empty", path: "/hosts", answers: { "/sites": NONE }, until: ".empty" },
  { name: "bundles-empty", path: "/bundles", answers: { "/bundles": NONE }, until: ".empty" },
  { name: "forbidden", path: "/audit", answers: { "/audit": 403 }, until: "main .pf-v6-c-alert" },
  { name: "run-unknown", path: "/runs/r-99", until: "main .pf-v6-c-alert, main .empty" },
  { name: "away", path: "/runs", answers: { "/runs": "away" }, until: "main .pf-v6-c-alert" },
  { name: "cut-off", path: "/clusters", answers: { "/watch": "away" }, until: ".shell-bar" },
  { name: "page-failed", path: "/audit", answers: { "/audit": { items: [null], total: 1 } }, until: ".broken" },
  { name: "cluster-unreachable", path: at(), answers: { "/clusters/": 502 }, until: "main .pf-v6-c-alert" },
  { name: "keys", path: "/", act: (page) => page.keyboard.press("?"), until: ".keys" },
  { name: "account", path: "/", act: (page, say) => page.getByRole("button", { name: say("app.account", { name: "anna" }) }).click(), until: ".account" },
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
  { name: "dock", path: at("/pods/shop/web-7c9bb99c5f-4jrv8"), act: press("clusters.toDock"), until: ".dock .log-line" },
  { name: "terminal", path: at("/nodes/h3"), act: (page) => page.getByRole("button", { name: /h3/ }).first().click(), until: ".xterm-rows" },
  { name: "events", path: at("/events"), until: ".grid-body [role=row]" },
  { name: "cluster-not-installed", path: `/clusters/${SHUT}` },
  { name: "hosts", path: "/hosts" },
  { name: "hosts-of-site", path: `/hosts/${SITE}`, until: ".grid-body [role=row]" },
  { name: "host", path: `/hosts/${SITE}?host=h1`, until: "aside .facts" },
  { name: "hosts-shut", path: `/hosts/${SHUT}`, act: press("hosts.scan"), until: "main .pf-v6-c-alert" },
  { name: "bundles", path: "/bundles", until: ".grid-body [role=row]" },
  { name: "bundle", path: BUNDLE, until: ".size-map" },
  { name: "bundle-delete", path: BUNDLE, answers: { "/sites": NONE }, act: press("bundles.delete"), until: "dialog[open], [role=dialog]" },
  { name: "install", path: "/install" },
  ...(["bundle", "hosts", "roles", "options"] as const).map((step) => ({ name: `install-${step}`, path: `/install/${BEGUN}?step=${step}`, until: ".wizard-foot" })),
  { name: "install-hosts-key", path: `/install/${BEGUN}?step=hosts`, act: (page, say) => page.getByLabel(say("parts.way.key")).click(), until: ".file-field" },
  { name: "install-hosts-own", path: `/install/${SHUT}?step=hosts`, until: ".wizard-foot" },
  { name: "install-yaml", path: `/install/${BEGUN}?step=options`, act: press("install.showYaml"), until: "textarea[rows='22']" },
  { name: "install-preflight", path: `/install/${BEGUN}?step=preflight`, until: ".matrix" },
  { name: "install-preflight-passed", path: `/install/${BEGUN}?step=preflight`, act: (page) => page.locator(".matrix-area button").first().click(), until: ".matrix" },
  ...(["noexec", "leftovers", "ports"] as const).map((check) => ({ name: `install-finding-${check}`, path: `/install/${BEGUN}?step=preflight`, act: finding(check), until: ".finding" })),
  { name: "install-waive", path: `/install/${BEGUN}?step=preflight`, act: async (page) => { await finding("noexec")(page); await page.locator(".finding button").first().click(); }, until: "dialog[open], [role=dialog]" },
  { name: "install-mend", path: `/install/${BEGUN}?step=preflight`, act: (page) => page.locator(".wizard .row .pf-m-primary").first().click(), until: ".keys-list" },
  { name: "install-review", path: `/install/${BEGUN}?step=review`, until: ".gantt" },
  { name: "install-review-table", path: `/install/${BEGUN}?step=review`, act: press("install.asTable"), until: ".grid-body [role=row]" },
  { name: "install-review-bar", path: `/install/${BEGUN}?step=review`, act: (page) => page.locator("[data-bar]").first().click(), until: ".drawer .report" },
  { name: "users-add", path: "/users", act: press("settings.addUser"), until: "dialog[open], [role=dialog]" },
  { name: "tokens-make", path: "/tokens", act: press("settings.makeToken"), until: "dialog[open], [role=dialog]" },
  { name: "audit-entry", path: "/audit", act: (page) => page.locator(".grid-body [role=row] button").first().click(), until: "[role=complementary] .facts, aside .facts" },
];
