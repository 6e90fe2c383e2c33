import { useState } from "react";
import type { Of } from "../../api/client";
import { locale, useText, type Text } from "../../i18n";
import { Button, CopyAsCli, DataGrid, EmptyState, moment, Problem, Section, Skeleton, State, useNow, type Column } from "../../kit";
import { useSaid } from "../../said";
import { arranged, different } from "./arrange";
import { useCertificates } from "./data";
import { twin } from "./twin";
import { axis, daysLeft, expiryTone, MARKS } from "./when";

type Certificate = Of<"ClusterCertificate">;

const rowId = ({ host, place }: Certificate) => `${host}${place}`;

/** When which certificate ends: a line a host, the present at the left. Behind one key the same as a table. */
export function Certificates({ site }: { site: string }) {
  const t = useText();
  const say = useSaid();
  const read = useCertificates(site);
  const [table, setTable] = useState(false);
  const now = useToday();
  const certificates = read.data?.items;
  const next = certificates?.reduce((soonest, { notAfterMs }) => Math.min(soonest, notAfterMs), Infinity) ?? Infinity;
  const days = daysLeft(next, now);
  return (
    <Section title={t("clusters.certificates")} actions={certificates && <Button onClick={() => setTable(!table)}>{t(table ? "clusters.asPicture" : "clusters.asTable")}</Button>}>
      <Problem error={read.error} title={t("clusters.certificatesFailed")} />
      {!certificates && !read.error && <Skeleton />}
      {read.data && read.data.problems.length > 0 && <ul className="muted">{read.data.problems.map((problem) => <li key={problem}>{say(problem)}</li>)}</ul>}
      {certificates && certificates.length > 0 && (
        <p><State tone={expiryTone(days)}>{days < 0 ? t("clusters.expired", { count: certificates.filter(({ notAfterMs }) => notAfterMs < now).length }) : t("clusters.nextExpiry", { days, date: moment(next, locale()) })}</State></p>
      )}
      {certificates && (table ? <Table certificates={certificates} now={now} /> : <Timeline certificates={certificates} now={now} />)}
      {table && <CopyAsCli command={twin.certificates(site)} />}
    </Section>
  );
}

/** The present, in steps of a minute: days do not pass faster. */
const useToday = () => Math.floor(useNow() / 60_000) * 60_000;

function Timeline({ certificates, now }: { certificates: Certificate[]; now: number }) {
  const t = useText();
  const hosts = different(certificates.map(({ host }) => host));
  return (
    <div className="expiry" role="group" aria-label={t("clusters.certificates")} tabIndex={0}>
      <div className="expiry-row expiry-axis muted" aria-hidden="true">
        <span />
        <span className="expiry-line">{MARKS.map((days) => <span key={days} style={{ left: `${axis(days) * 100}%` }}>{t(`clusters.mark.${days}`)}</span>)}</span>
      </div>
      <ul>
        {hosts.map((host) => (
          <li key={host} className="expiry-row">
            <span>{host}</span>
            <span className="expiry-line">
              {MARKS.map((days) => <span key={days} className={days === 0 ? "expiry-now" : "expiry-mark"} style={{ left: `${axis(days) * 100}%` }} />)}
              {together(certificates.filter((each) => each.host === host), now).map(({ days, authority, names }) => (
                <span key={`${days}${authority}`} className={`expiry-dot expiry-${expiryTone(days)}${authority ? " expiry-authority" : ""}`} style={{ left: `${axis(days) * 100}%` }}
                  role="img" aria-label={t("clusters.expiryDot", { count: names.length, days, names: names.join(", ") })} title={t("clusters.expiryDot", { count: names.length, days, names: names.join(", ") })}>
                  {names.length > 1 ? names.length : ""}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ul>
      <p className="muted expiry-legend"><span className="expiry-dot expiry-ok" aria-hidden="true" /> {t("clusters.leaf")} <span className="expiry-dot expiry-ok expiry-authority" aria-hidden="true" /> {t("clusters.authority")}</p>
    </div>
  );
}

/** Those of one host that end on one day, authorities apart. */
function together(certificates: Certificate[], now: number): { days: number; authority: boolean; names: string[] }[] {
  const days = new Map<string, { days: number; authority: boolean; names: string[] }>();
  for (const { notAfterMs, authority, subject } of certificates) {
    const left = daysLeft(notAfterMs, now);
    const key = `${left} ${authority}`;
    const same = days.get(key) ?? { days: left, authority, names: [] };
    same.names.push(subject);
    days.set(key, same);
  }
  return [...days.values()];
}

const columns = (now: number, t: Text): Column<Certificate>[] => [
  { id: "left", title: t("clusters.daysLeft"), width: 110, sort: "left", cell: ({ notAfterMs }) => <Left days={daysLeft(notAfterMs, now)} /> },
  { id: "subject", title: t("clusters.subject"), width: 220, grow: 2, sort: "subject", cell: ({ subject, authority, names }) => <span title={names.join(", ")}>{subject}{authority && <span className="muted"> {t("clusters.authority")}</span>}</span> },
  { id: "host", title: t("clusters.host"), width: 90, sort: "host", cell: ({ host }) => host },
  { id: "place", title: t("clusters.place"), width: 260, grow: 2, sort: "place", cell: ({ place }) => <span className="mono" title={place}>{place}</span> },
  { id: "issuer", title: t("clusters.issuer"), width: 140, sort: "issuer", cell: ({ issuer }) => issuer },
  { id: "end", title: t("clusters.notAfter"), width: 170, cell: ({ notAfterMs }) => moment(notAfterMs, locale()) },
];

function Left({ days }: { days: number }) {
  const t = useText();
  return <State tone={expiryTone(days)}>{t("clusters.days", { days })}</State>;
}

const keys = {
  left: ({ notAfterMs }: Certificate) => notAfterMs,
  subject: ({ subject }: Certificate) => subject,
  host: ({ host }: Certificate) => host,
  place: ({ place }: Certificate) => place,
  issuer: ({ issuer }: Certificate) => issuer,
};

function Table({ certificates, now }: { certificates: Certificate[]; now: number }) {
  const t = useText();
  const [sort, setSort] = useState("left");
  const rows = arranged(certificates, keys, sort, "", () => "");
  return <DataGrid label={t("clusters.certificates")} columns={columns(now, t)} list={{ rows, sort, setSort }} rowId={rowId} empty={<EmptyState why={t("clusters.none")} />} />;
}
