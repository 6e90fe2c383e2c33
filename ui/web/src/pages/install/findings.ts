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

export const RANK: Record<Severity, number> = { info: 0, warn: 1, refuse: 2 };
export const stops = ({ severity, waived }: Finding): boolean => severity === "refuse" && !waived;

const repairs = ({ waived, repairs = [] }: Finding) => (waived ? [] : repairs);
/** It can be mended without a decision about anybody's data. */
export const isMendable = (finding: Finding): boolean => repairs(finding).some(({ data }) => !data);
export const hasData = (finding: Finding): boolean => repairs(finding).some(({ data }) => data === true);

export type Row = { id: string; title: Both; worst: Severity; stops: boolean; findings: Finding[]; cells: Map<string, Finding> };

/** One row a check, what stands in the way first. A cell is the worst that a check found on a host. */
export function rows(findings: readonly Finding[]): Row[] {
  const found = new Map<string, Row>();
  for (const finding of findings) {
    const row: Row = found.get(finding.id) ?? { id: finding.id, title: finding.title, worst: finding.severity, stops: false, findings: [], cells: new Map() };
    found.set(finding.id, row);
    row.findings.push(finding);
    row.stops ||= stops(finding);
    if (RANK[finding.severity] > RANK[row.worst]) row.worst = finding.severity;
    const host = finding.host ?? "";
    const before = row.cells.get(host);
    if (!before || RANK[finding.severity] > RANK[before.severity]) row.cells.set(host, finding);
  }
  return [...found.values()].sort((a, b) => Number(b.stops) - Number(a.stops) || RANK[b.worst] - RANK[a.worst]);
}
