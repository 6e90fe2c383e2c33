/** What is looked for in the audit, as the server's lists take it. Pure. */

export type Filter = { actor: string; action: string; id: string; /** Days, `2026-11-21`, in the reader's zone; both count whole. */ from: string; to: string };

export const NO_FILTER: Filter = { actor: "", action: "", id: "", from: "", to: "" };

/** Conditions that all hold, separated by commas; empty: everything. `escape` keeps what was typed one value. */
export function conditions({ actor, action, id, from, to }: Filter, escape: (value: string) => string): string {
  const has = (field: string, value: string) => (value.trim() ? [`${field}~${escape(value.trim())}`] : []);
  const day = (text: string, more: number) => {
    const [year, month, date] = text.split("-").map(Number);
    return year && month && date ? new Date(year, month - 1, date + more).getTime() : undefined;
  };
  const [first, behind] = [day(from, 0), day(to, 1)];
  return [
    ...has("actor", actor), ...has("action", action), ...has("id", id),
    ...(first === undefined ? [] : [`at>${first - 1}`]),
    ...(behind === undefined ? [] : [`at<${behind}`]),
  ].join(",");
}

/** What was chosen, and what it was before where the entry has it. */
export function outcomes(detail: Record<string, string>): { name: string; before?: string; after: string }[] {
  const names = Object.keys(detail).filter((name) => name !== "was" && !name.endsWith(".was"));
  return names.map((name) => {
    const before = detail[`${name}.was`] ?? detail.was;
    return { name, after: detail[name] ?? "", ...(before !== undefined && { before }) };
  });
}
