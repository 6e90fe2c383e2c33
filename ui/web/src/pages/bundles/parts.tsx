import { useMemo, useState } from "react";
import { useText, type Text } from "../../i18n";
import { Bytes, Copyable, DataGrid, type Column } from "../../kit";
import type { Part } from "./contents";

const columns = (t: Text): Column<Part>[] => [
  { id: "component", title: t("bundles.component"), width: 150, sort: "component", cell: ({ component }) => component },
  { id: "kind", title: t("bundles.kind"), width: 80, sort: "kind", cell: ({ kind }) => t(`bundles.kind.${kind}`) },
  { id: "name", title: t("bundles.name"), width: 260, grow: 3, sort: "name", cell: ({ name }) => <span className="mono" title={name}>{name}</span> },
  { id: "arch", title: t("bundles.architecture"), width: 116, sort: "arch", cell: ({ arch }) => arch },
  { id: "size", title: t("bundles.size"), width: 100, number: true, sort: "size", cell: ({ size }) => <Bytes count={size} /> },
  { id: "unpacked", title: t("bundles.unpacked"), width: 110, number: true, sort: "unpacked", cell: ({ unpacked }) => <Bytes count={unpacked} /> },
  { id: "digest", title: t("bundles.digest"), width: 214, cell: ({ digest }) => <Copyable value={digest} keep={10} what={t("bundles.digest")} /> },
];

/** Every file and image, and by what a host gets it. */
export function PartGrid({ parts }: { parts: Part[] }) {
  const t = useText();
  const [sort, setSort] = useState("component");
  const [search, setSearch] = useState("");
  const rows = useMemo(() => arranged(parts, sort, search), [parts, sort, search]);
  return <DataGrid label={t("bundles.contents")} columns={columns(t)} list={{ rows, sort, setSort, search, setSearch }} rowId={({ key }) => key} search={asTyped} empty={null} />;
}

const asTyped = (typed: string) => typed;

function arranged(parts: Part[], sort: string, search: string): Part[] {
  const field = sort.replace(/^-/, "") as keyof Part;
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = parts.filter(({ component, name, arch }) => words.every((word) => `${component} ${name} ${arch}`.toLowerCase().includes(word)));
  const order = found.sort((one, other) => {
    const [a, b] = [one[field], other[field]];
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  });
  return sort.startsWith("-") ? order.reverse() : order;
}
