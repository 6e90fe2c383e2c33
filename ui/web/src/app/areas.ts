/** Every area of pages: one import and one line each. */
import * as bundles from "../pages/bundles/routes";
import * as clusters from "../pages/clusters/routes";
import * as dashboard from "../pages/dashboard/routes";
import * as hosts from "../pages/hosts/routes";
import * as install from "../pages/install/routes";
import * as runs from "../pages/runs/routes";
import * as settings from "../pages/settings/routes";
import type { Nav } from "./frame";

export const routes = [
  ...bundles.routes,
  ...clusters.routes,
  ...dashboard.routes,
  ...hosts.routes,
  ...install.routes,
  ...runs.routes,
  ...settings.routes,
] as const;

const nav: Nav[] = [...bundles.nav, ...clusters.nav, ...dashboard.nav, ...hosts.nav, ...install.nav, ...runs.nav, ...settings.nav];

/** The navigation in its groups, those without an entry left out. */
export function navigation(role: string): { group: Nav["group"]; entries: Nav[] }[] {
  const rank = ["viewer", "operator", "admin"];
  const may = (entry: Nav) => rank.indexOf(role) >= rank.indexOf(entry.role ?? "viewer");
  const groups = ["overview", "install", "platform"] as const;
  return groups
    .map((group) => ({ group, entries: nav.filter((entry) => entry.group === group && may(entry)).sort((a, b) => a.order - b.order) }))
    .filter(({ entries }) => entries.length > 0);
}
