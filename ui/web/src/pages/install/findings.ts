/** What a check found, as a table of checks and hosts. Pure. */
export type Severity = "info" | "warn" | "refuse";
type Both = { en: string; zh: string };
export type Finding = {
  id: string;
  severity: Severity;
  /** None: the site as a whole. */
  host?: string | null;
  title: Both;
  observed: string;
  wanted: string;
  text: Both;
  fix?: Both | null;
  /** What Armilla can do about it by itself. `data`: it renames what somebody may miss. */
  repairs?: { kind: string; data?: boolean }[];
  /** Why it cannot be waived, where that is so. */
  guarded?: Both;
  waived?: { reason?: string; waiver?: { reason: string } } | null;
};

export const stops = ({ severity, waived }: Finding): boolean => severity === "refuse" && !waived;

const repairs = ({ waived, repairs = [] }: Finding) => (waived ? [] : repairs);
/** It can be mended without a decision about anybody's data. */
export const isMendable = (finding: Finding): boolean => repairs(finding).some(({ data }) => !data);
export const hasData = (finding: Finding): boolean => repairs(finding).some(({ data }) => data === true);

/** How a check stands: by the worst that it found and that nobody waived; waived: there is nothing else. */
export type Standing = Severity | "waived";
export type Row = { id: string; title: Both; standing: Standing; stops: boolean; findings: Finding[]; cells: Map<string, Finding> };

const ORDER: readonly Standing[] = ["refuse", "warn", "info", "waived"];
const standingOf = ({ severity, waived }: Finding): Standing => (waived ? "waived" : severity);
const worse = (one: Standing, other: Standing): boolean => ORDER.indexOf(one) < ORDER.indexOf(other);

/** One row a check, what stands in the way first. A cell is the worst that a check found on a host. */
export function rows(findings: readonly Finding[]): Row[] {
  const found = new Map<string, Row>();
  for (const finding of findings) {
    const standing = standingOf(finding);
    const row: Row = found.get(finding.id) ?? { id: finding.id, title: finding.title, standing, stops: false, findings: [], cells: new Map() };
    found.set(finding.id, row);
    row.findings.push(finding);
    row.stops ||= stops(finding);
    if (worse(standing, row.standing)) row.standing = standing;
    const host = finding.host ?? "";
    const before = row.cells.get(host);
    if (!before || worse(standing, standingOf(before))) row.cells.set(host, finding);
  }
  return [...found.values()].sort(byStanding);
}

const byStanding = (one: Row, other: Row): number => ORDER.indexOf(one.standing) - ORDER.indexOf(other.standing);

/** A check that is made of every host, or of the site as a whole, whether it found anything or not. */
export type Kind = { id: string; title: Both; wholeSite: boolean };
export type Area = { title: Both; checks: readonly Kind[] };
/** What was found and what passed of the checks that look at the same thing. No title: checks that no area names. */
export type Group = { title: Both | undefined; found: Row[]; passed: Kind[] };

/** Areas where something stands in the way first, those where all passed last; else in the order in which the server tells of them. */
export function groups(all: readonly Row[], areas: readonly Area[]): Group[] {
  const named = areas.map(({ title, checks }): Group => {
    const ids = new Set(checks.map(({ id }) => id));
    const found = all.filter(({ id }) => ids.has(id));
    return { title, found, passed: checks.filter(({ id }) => !found.some((row) => row.id === id)) };
  });
  const ids = new Set(areas.flatMap(({ checks }) => checks.map(({ id }) => id)));
  const others: Group = { title: undefined, found: all.filter(({ id }) => !ids.has(id)), passed: [] };
  const rank = ({ found: [first] }: Group) => (first ? ORDER.indexOf(first.standing) : ORDER.length);
  return [...named, ...(others.found.length > 0 ? [others] : [])].sort((one, other) => rank(one) - rank(other));
}

/** How many checks stand how. */
export function tally(groups: readonly Group[]): Record<Standing | "passed", number> & { made: number } {
  const count = (standing: Standing) => groups.reduce((sum, { found }) => sum + found.filter((row) => row.standing === standing).length, 0);
  const passed = groups.reduce((sum, group) => sum + group.passed.length, 0);
  const [refuse, warn, info, waived] = [count("refuse"), count("warn"), count("info"), count("waived")];
  return { refuse, warn, info, waived, passed, made: refuse + warn + info + waived + passed };
}
