import { useState } from "react";
import { api, type Item } from "../../api/client";
import { filterValue, useChange, useList } from "../../api/data";
import { locale, useText, type Text } from "../../i18n";
import { Ago, Banner, Button, CopyAsCli, Copyable, DataGrid, Drawer, EmptyState, Facts, moment, Page, Problem, Section, type Column } from "../../kit";
import "./settings.css";
import { conditions, NO_FILTER, outcomes, type Filter } from "./audit-filter";

type Entry = Item<"List_AuditEntry">;

const columns = (t: Text, open: (entry: Entry) => void): Column<Entry>[] => [
  { id: "number", title: t("settings.number"), width: 80, number: true, sort: "number", cell: (entry) => <button type="button" className="link" onClick={() => open(entry)}>{entry.number}</button> },
  { id: "at", title: t("settings.at"), width: 120, sort: "at", cell: ({ at }) => <Ago at={at} /> },
  { id: "actor", title: t("settings.actor"), width: 120, sort: "actor", cell: ({ actor }) => actor },
  { id: "action", title: t("settings.did"), width: 150, sort: "action", cell: ({ action }) => <code>{action}</code> },
  { id: "id", title: t("settings.what"), width: 160, grow: 2, sort: "id", cell: ({ id }) => <span className="mono" title={id}>{id}</span> },
  { id: "detail", title: t("settings.detail"), width: 200, grow: 3, cell: ({ detail }) => <Said detail={detail} /> },
];

const said = (detail: Entry["detail"]) => outcomes(detail as Record<string, string>).map(({ name, before, after }) => `${name}: ${before === undefined ? "" : `${before} → `}${after}`).join(" · ");

function Said({ detail }: { detail: Entry["detail"] }) {
  const text = said(detail);
  return <span className="muted" title={text}>{text}</span>;
}

/** Who did what, the newest first. */
export function Audit() {
  const t = useText();
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [open, setOpen] = useState<Entry>();
  const condition = conditions(filter, filterValue);
  const list = useList("audit", (query) => api.GET("/api/v1/audit", { params: { query } }), { sort: "-number", ...(condition && { filter: condition }) });
  const set = (what: Partial<Filter>) => setFilter({ ...filter, ...what });
  const none = list.rows?.length === 0;
  return (
    <Page title={t("settings.audit")} lead={t("settings.auditLead")} actions={<Verify />}>
      <div className="filters" role="search" aria-label={t("settings.audit")}>
        <label>{t("settings.actor")}<input type="search" value={filter.actor} onChange={(event) => set({ actor: event.target.value })} /></label>
        <label>{t("settings.did")}<input type="search" value={filter.action} placeholder="user." onChange={(event) => set({ action: event.target.value })} /></label>
        <label>{t("settings.what")}<input type="search" value={filter.id} onChange={(event) => set({ id: event.target.value })} /></label>
        <label>{t("settings.from")}<input type="date" value={filter.from} onChange={(event) => set({ from: event.target.value })} /></label>
        <label>{t("settings.to")}<input type="date" value={filter.to} onChange={(event) => set({ to: event.target.value })} /></label>
      </div>
      <DataGrid label={t("settings.audit")} columns={columns(t, setOpen)} list={list} rowId={({ number }) => String(number)}
        empty={none && condition ? <EmptyState why={t("settings.auditNone")}><Button onClick={() => setFilter(NO_FILTER)}>{t("settings.showAll")}</Button></EmptyState> : <EmptyState why={t("settings.auditEmpty")} />} />
      <CopyAsCli command={`armilla audit ls${condition ? ` --filter '${condition}'` : ""}`} />
      {open && <One entry={open} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

function One({ entry, onClose }: { entry: Entry; onClose: () => void }) {
  const t = useText();
  const { number, at, actor, via, action, id, detail, hash, index } = entry;
  const all = outcomes(detail as Record<string, string>);
  return (
    <Drawer title={t("settings.entry", { number })} onClose={onClose}>
      <Facts of={[
        [t("settings.at"), moment(at, locale())],
        [t("settings.actor"), actor],
        [t("settings.via"), via || "–"],
        [t("settings.did"), <code key="action">{action}</code>],
        [t("settings.what"), id ? <Copyable key="id" value={id} what={t("settings.what")} /> : "–"],
        [t("settings.index"), index],
      ]} />
      {all.length > 0 && (
        <Section title={t("settings.detail")}>
          <table className="changes">
            <thead><tr><th scope="col">{t("settings.field")}</th><th scope="col">{t("settings.before")}</th><th scope="col">{t("settings.after")}</th></tr></thead>
            <tbody>
              {all.map(({ name, before, after }) => <tr key={name}><th scope="row">{name}</th><td className="mono">{before ?? "–"}</td><td className="mono">{after}</td></tr>)}
            </tbody>
          </table>
        </Section>
      )}
      <Section title={t("settings.hash")}><p className="secret"><Copyable value={hash} what={t("settings.hash")} /></p></Section>
    </Drawer>
  );
}

/** Follows the chain of digests from its beginning. */
function Verify() {
  const t = useText();
  const verify = useChange(() => api.GET("/api/v1/audit/verify"));
  const { data } = verify;
  return (
    <>
      {data && <Banner tone={data.intact ? "success" : "danger"} title={data.intact ? t("settings.intact", { count: data.entries ?? 0 }) : t("settings.brokenAt")}>{data.broken}</Banner>}
      <Problem error={verify.error} />
      <Button busy={verify.isPending} onClick={() => verify.mutate(undefined)}>{t("settings.verify")}</Button>
    </>
  );
}
