import type { ReactNode } from "react";
import { useText } from "../../i18n";
import { DataGrid, type Column } from "../../kit";
import type { HostView } from "../../parts/site/text";
import { useSaid } from "../../said";
import type { Flaws } from "./site";

export type Row = HostView & { index: number };
type Props = { hosts: HostView[]; flaws: Flaws; more?: Column<Row>[] };

/** The hosts of the text, as many as there are, each with what the server has against it. */
export function HostTable({ hosts, flaws, more = [] }: Props) {
  const t = useText();
  const say = useSaid();
  const wrong = (index: number): ReactNode => {
    const found = flaws.error?.problem.errors?.find(({ pointer }) => pointer === `/hosts/${index}` || pointer.startsWith(`/hosts/${index}/`));
    return found && <span className="field-error" title={say(found.detail)}>{found.pointer.split("/").at(-1)}{t("kit.colon")}{say(found.detail)}</span>;
  };
  const columns: Column<Row>[] = [
    { id: "name", title: t("install.host"), width: 140, grow: 2, cell: ({ name }) => <strong>{name}</strong> },
    { id: "address", title: t("install.address"), width: 150, grow: 2, cell: ({ address, user, port }) => <span className="mono">{user && `${user}@`}{address}{port && `:${port}`}</span> },
    ...more,
    ...(flaws.error ? [{ id: "flaw", title: t("install.flaws"), width: 200, grow: 3, cell: ({ index }: Row) => wrong(index) }] : []),
  ];
  return <DataGrid label={t("install.hosts")} columns={columns} list={{ rows: hosts.map((host, index) => ({ ...host, index })) }} rowId={({ index }) => String(index)} empty={null} />;
}
