import type { ReactNode } from "react";

export type Column<Row> = {
  id: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** Figures stand to the right. */
  number?: boolean;
};

type Props<Row> = { label: string; columns: Column<Row>[]; rows: Row[]; rowId: (row: Row) => string };

/** Rows of 32 px. Scrolls sideways within itself, so that the page never does. */
export function Table<Row>({ label, columns, rows, rowId }: Props<Row>) {
  return (
    <div className="table" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => <th key={column.id} scope="col" className={column.number ? "num" : undefined}>{column.title}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowId(row)}>
              {columns.map((column) => <td key={column.id} className={column.number ? "num" : undefined}>{column.cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
