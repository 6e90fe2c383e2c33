import { useState } from "react";
import { language, useText } from "../../i18n";
import { State, type Tone } from "../../kit";
import { useSaid } from "../../said";
import type { Finding, Group, Kind, Row, Standing, tally } from "./findings";

const TONES: Record<Standing | "passed", Tone> = { refuse: "bad", warn: "warn", info: "note", waived: "wait", passed: "ok" };

/** "146 checks on 3 hosts", and how many of them stand how. */
export function Tally({ of, hosts }: { of: ReturnType<typeof tally>; hosts: number }) {
  const t = useText();
  const shown = (["refuse", "warn", "info", "waived", "passed"] as const).filter((standing) => of[standing] > 0);
  return (
    <div className="tally">
      <span>{t("install.made", { count: of.made, hosts })}</span>
      {shown.map((standing) => <State key={standing} tone={TONES[standing]}>{t(`install.tally.${standing}`, { count: of[standing] })}</State>)}
    </div>
  );
}

/** Columns that are drawn: a table of 5,000 hosts is no picture any more. Those where something was found come first. */
const WIDE = 40;

type Props = { groups: Group[]; hosts: string[]; onOpen: (row: Row) => void };

/** Checks and hosts, by what the checks look at; what passed is folded. */
export function Matrix({ groups, hosts, onOpen }: Props) {
  const t = useText();
  const [open, setOpen] = useState<ReadonlySet<Group["title"]>>(new Set());
  const touched = (host: string) => groups.some(({ found }) => found.some(({ cells }) => cells.has(host)));
  // The site as a whole has a column where something is said of it.
  const whole = touched("") || groups.some(({ title, passed }) => open.has(title) && passed.some(({ wholeSite }) => wholeSite));
  const columns = [...(whole ? [""] : []), ...hosts.filter(touched), ...hosts.filter((host) => !touched(host))];
  const shown = columns.slice(0, WIDE + 1);
  const toggle = (title: Group["title"]) => setOpen((now) => new Set(now.has(title) ? [...now].filter((each) => each !== title) : [...now, title]));
  return (
    <div className="matrix" tabIndex={0} role="group" aria-label={t("install.matrix")}>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">{t("install.check")}</th>
            {shown.map((host) => <th key={host} scope="col">{host || t("install.wholeSite")}</th>)}
            {columns.length > shown.length && <th scope="col">{t("parts.more", { count: columns.length - shown.length })}</th>}
          </tr>
        </thead>
        {groups.map((group) => (
          <Area key={group.title?.en ?? ""} group={group} columns={shown} open={open.has(group.title)} toggle={() => toggle(group.title)} onOpen={onOpen} />
        ))}
      </table>
    </div>
  );
}

type AreaProps = { group: Group; columns: string[]; open: boolean; toggle: () => void; onOpen: (row: Row) => void };

function Area({ group: { title, found, passed }, columns, open, toggle, onOpen }: AreaProps) {
  const t = useText();
  const text = (both: { en: string; zh: string }) => both[language()];
  return (
    <tbody>
      {title && (
        <tr className="matrix-area">
          <th scope="rowgroup" colSpan={columns.length + 1}>
            {passed.length === 0 ? text(title) : (
              <button type="button" aria-expanded={open} onClick={toggle}>
                <span aria-hidden="true">{open ? "▾" : "▸"}</span> {text(title)} <State tone="ok">{t("install.tally.passed", { count: passed.length })}</State>
              </button>
            )}
          </th>
        </tr>
      )}
      {found.map((row) => (
        <tr key={row.id}>
          <th scope="row"><button type="button" className="as-link" onClick={() => onOpen(row)}>{text(row.title)}</button></th>
          {columns.map((host) => <td key={host}><Cell finding={row.cells.get(host)} passed={host !== "" && !row.cells.has("")} /></td>)}
        </tr>
      ))}
      {open && passed.map((kind) => (
        <tr key={kind.id}>
          <th scope="row">{text(kind.title)}</th>
          {columns.map((host) => <td key={host}><Cell passed={judges(kind, host)} /></td>)}
        </tr>
      ))}
    </tbody>
  );
}

const judges = ({ wholeSite }: Kind, host: string): boolean => wholeSite === (host === "");

function Cell({ finding, passed }: { finding?: Finding | undefined; passed: boolean }) {
  const t = useText();
  const say = useSaid();
  if (!finding) return passed ? <span className="state-ok"><span aria-hidden="true">✓</span><span className="unseen">{t("install.fine")}</span></span> : null;
  if (finding.waived) return <State tone={TONES.waived}>{t("install.waived")}</State>;
  return <span title={say(finding.observed)}><State tone={TONES[finding.severity]}>{t(`install.severity.${finding.severity}`)}</State></span>;
}
