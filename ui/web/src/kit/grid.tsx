import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useDeferredValue, useEffect, useId, useRef, useState, type CSSProperties, type ReactNode } from "react";
import { useText } from "../i18n";
import { EmptyState } from "./empty";
import { Problem } from "./problem";
import { Skeleton } from "./skeleton";

export type Column<Row> = {
  id: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** Figures stand to the right. */
  number?: boolean;
  /** The least width in pixels, and its share of what is left. */
  width?: number;
  grow?: number;
  /** The server's field to sort by. */
  sort?: string;
};

/** What `useList` gives; a page with rows of its own gives only these. */
type Rows<Row> = {
  rows: readonly Row[] | undefined;
  total?: number;
  error?: Error | null;
  retry?: () => void;
  more?: () => void;
  sort?: string | undefined;
  setSort?: (sort: string) => void;
  search?: string;
  setSearch?: (condition: string) => void;
};

type Props<Row> = {
  label: string;
  columns: Column<Row>[];
  list: Rows<Row>;
  rowId: (row: Row) => string;
  /** When there are no rows at all. */
  empty: ReactNode;
  /** Makes a condition of the server's filter out of what is typed: `site~lab`. */
  search?: (typed: string) => string;
  /** What narrows the rows, beside the search. */
  tools?: ReactNode;
};

const ROW = 32;

/** Rows of 32 px, as many as there are: only those in sight are drawn. Scrolls within itself, so that the page never does sideways. */
export function DataGrid<Row>({ label, columns, list, rowId, empty, search, tools }: Props<Row>) {
  const t = useText();
  const box = useRef<HTMLDivElement>(null);
  const rows = list.rows ?? [];
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 8 });
  const drawn = virtual.getVirtualItems();
  const last = drawn.at(-1)?.index ?? -1;
  const { more } = list;
  useEffect(() => {
    if (last >= rows.length - 50) more?.();
  }, [last, rows.length, more]);

  if (!list.rows) return list.error ? <Problem error={list.error} {...(list.retry && { retry: list.retry })} /> : <Skeleton rows={6} />;
  if (rows.length === 0 && !list.search) return tools ? <div className="grid-block"><div className="grid-tools">{tools}</div>{empty}</div> : <>{empty}</>;
  const widths = columns.map(({ width = 96, grow = 1 }) => `minmax(${width}px, ${grow}fr)`).join(" ");
  const least = columns.reduce((sum, { width = 96 }) => sum + width, 0);
  const shape = { "--columns": widths, "--least": `${least}px` } as CSSProperties;
  return (
    <div className="grid-block">
      {(tools || (search && list.setSearch)) && (
        <div className="grid-tools">
          {search && list.setSearch && <Search label={label} toCondition={search} tell={list.setSearch} />}
          {tools}
        </div>
      )}
      {list.error && <Problem error={list.error} {...(list.retry && { retry: list.retry })} />}
      <div ref={box} className="grid" style={shape} tabIndex={0} role="table" aria-label={label} aria-rowcount={(list.total ?? rows.length) + 1}>
        <div role="rowgroup" className="grid-head">
          <div role="row" className="grid-row" aria-rowindex={1}>
            {columns.map((column) => <Head key={column.id} column={column} list={list} />)}
          </div>
        </div>
        <div role="rowgroup" className="grid-body" style={{ height: virtual.getTotalSize() }}>
          {drawn.map(({ index, start }) => {
            const row = rows[index];
            return row === undefined ? null : <Line key={rowId(row)} row={row} index={index} start={start} columns={columns} />;
          })}
        </div>
      </div>
      {rows.length === 0 && <EmptyState why={t("kit.noneFound")} />}
      <p className="muted grid-foot" role="status">{t("kit.rows", { count: list.total ?? rows.length })}</p>
    </div>
  );
}

function Head<Row>({ column, list }: { column: Column<Row>; list: Rows<Row> }) {
  const { sort: field, title } = column;
  const up = list.sort === field;
  const down = list.sort === `-${field}`;
  const order = up ? "ascending" : down ? "descending" : "none";
  return (
    <div role="columnheader" className={column.number ? "num" : undefined} {...(field && { "aria-sort": order })}>
      {field && list.setSort ? (
        <button type="button" onClick={() => list.setSort?.(up ? `-${field}` : field)}>
          {title}<span aria-hidden="true">{up ? " ↑" : down ? " ↓" : ""}</span>
        </button>
      ) : title}
    </div>
  );
}

type LineProps<Row> = { row: Row; index: number; start: number; columns: Column<Row>[] };

/** Drawn anew only when its own row is another one. */
const Line = memo(function Line<Row>({ row, index, start, columns }: LineProps<Row>) {
  return (
    <div role="row" className="grid-row" aria-rowindex={index + 2} style={{ transform: `translateY(${start}px)` }}>
      {columns.map((column) => (
        <div key={column.id} role="cell" className={column.number ? "num" : undefined}>{column.cell(row)}</div>
      ))}
    </div>
  );
}) as <Row>(props: LineProps<Row>) => ReactNode;

function Search({ label, toCondition, tell }: { label: string; toCondition: (typed: string) => string; tell: (condition: string) => void }) {
  const t = useText();
  const id = useId();
  const [typed, setTyped] = useState("");
  const settled = useDeferredValue(typed);
  useEffect(() => tell(settled && toCondition(settled)), [settled, tell, toCondition]);
  return (
    <div className="grid-search">
      <label htmlFor={id} className="unseen">{t("kit.search", { what: label })}</label>
      <input id={id} type="search" value={typed} placeholder={t("kit.filter")} onChange={(event) => setTyped(event.target.value)} />
    </div>
  );
}
