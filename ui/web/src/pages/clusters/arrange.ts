/** Sorting and searching of what was read whole: Kubernetes does neither. Pure. */

/** What a row is sorted by, by the name that its column gives. */
export type Keys<Row> = Record<string, (row: Row) => string | number>;

/** Rows with every typed word in them, in the wanted order; `-name` is from the end. Equal ones stay as they came. */
export function arranged<Row>(rows: readonly Row[], keys: Keys<Row>, sort: string | undefined, typed: string, words: (row: Row) => string): Row[] {
  const wanted = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((row) => {
    const text = wanted.length > 0 ? words(row).toLowerCase() : "";
    return wanted.every((word) => text.includes(word));
  });
  const down = sort?.startsWith("-") ?? false;
  const key = sort === undefined ? undefined : keys[down ? sort.slice(1) : sort];
  if (!key) return found;
  const sign = down ? -1 : 1;
  return found.sort((one, other) => sign * compared(key(one), key(other)));
}

/** Figures by size; names as people count: `h2` before `h10`. */
function compared(one: string | number, other: string | number): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

/** Every different value in order, for a choice. */
export const different = (values: Iterable<string>): string[] => [...new Set(values)].sort((one, other) => compared(one, other));
