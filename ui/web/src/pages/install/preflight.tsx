import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { language, useText } from "../../i18n";
import { Ago, Button, CopyAsCli, Dialog, Drawer, Field, Form, Problem, Skeleton, State } from "../../kit";
import { useSaid } from "../../said";
import { groups, hasData, isMendable, rows, stops, tally, type Finding, type Row } from "./findings";
import { fileOf, useBundles } from "./bundles";
import { Matrix, Tally } from "./matrix";
import { Mend } from "./mend";
import { check, keepSite } from "./site";
import { Twin, type StepProps } from "./step";

/** Looks at every host and judges. Nothing on them changes; what stands in the way is mended, or gone on with for a reason. */
export function PreflightStep({ site, draft, view: read, go, foot }: StepProps) {
  const t = useText();
  const { rows: bundles } = useBundles();
  const [open, setOpen] = useState<Row>();
  const [mending, setMending] = useState<{ only?: string }>();
  const look = useMutation({ mutationFn: async (anew: boolean) => check(site, await keepSite(site, draft.text, draft.bundle), anew) });
  const begun = useRef(false);
  const { mutate } = look;
  useEffect(() => {
    if (!begun.current) mutate(false);
    begun.current = true;
  }, [mutate]);
  const found = look.data;
  const kinds = useRead(["instance", "checks"], () => api.GET("/api/v1/checks"));
  const all = rows(found?.findings ?? []);
  const areas = groups(all, kinds.data?.items ?? []);
  const counts = tally(areas);
  const again = () => {
    setOpen(undefined);
    setMending(undefined);
    look.mutate(true);
  };
  const mendable = (found?.findings ?? []).filter((finding) => isMendable(finding) || hasData(finding));
  const path = fileOf(bundles?.find(({ id }) => id === draft.bundle));
  return (
    <>
      <Problem error={look.error} title={t("install.notChecked")} retry={again}>
        <Button onClick={() => go("hosts")}>{t("install.toHosts")}</Button>
      </Problem>
      {look.isPending && <div role="status"><p>{t("install.checking", { count: read.hosts.length })}</p><Skeleton rows={4} /></div>}
      {found && !look.isPending && (
        <>
          <p role="status">
            <State tone={found.stopping > 0 ? "bad" : "ok"}>{found.stopping > 0 ? t("install.stopping", { count: found.stopping }) : t("install.clear", { count: counts.warn + counts.info })}</State>{" "}
            <span className="muted"><Ago at={found.at} /></span>
          </p>
          {kinds.data && <Tally of={counts} hosts={read.hosts.length} />}
          {mendable.length > 0 && (
            <div className="row">
              <Button kind={found.stopping > 0 ? "primary" : "secondary"} onClick={() => setMending({})}>{t("install.mendAll", { count: mendable.length })}</Button>
            </div>
          )}
          {areas.length > 0 && <Matrix groups={areas} hosts={read.hosts.map(({ name }) => name)} onOpen={setOpen} />}
        </>
      )}
      <Twin verb="check" draft={draft} view={read} />
      {foot(
        <>
          <Button onClick={again} busy={look.isPending}>{t("install.checkAgain")}</Button>
          <Button kind="primary" disabled={!found || found.stopping > 0 || look.isPending} onClick={() => go()}>{t("install.next")}</Button>
        </>,
      )}
      {open && <Detail row={open} site={site} onClose={() => setOpen(undefined)} onWaived={again} onMend={() => setMending({ only: open.id })} />}
      {mending && <Mend site={site} path={path} findings={found?.findings ?? []} {...mending} onClose={() => setMending(undefined)} onMended={again} />}
    </>
  );
}

type DetailProps = { row: Row; site: string; onClose: () => void; onWaived: () => void; onMend: () => void };

/** One check: what was seen, what would pass, what to do; and the way on in spite of it. */
function Detail({ row, site, onClose, onWaived, onMend }: DetailProps) {
  const t = useText();
  const say = useSaid();
  const [waiving, setWaiving] = useState<Finding>();
  const text = (both: { en: string; zh: string } | null | undefined) => both?.[language()] ?? "";
  const mends = row.findings.some((finding) => isMendable(finding) || hasData(finding));
  return (
    <Drawer title={text(row.title)} onClose={onClose}>
      <p>{text(row.findings[0]?.text)}</p>
      {mends && <div className="row"><Button kind="primary" onClick={onMend}>{t("install.mendOne")}</Button> <span className="muted">{t("install.mends")}</span></div>}
      {row.findings.slice(0, 50).map((finding) => (
        <section key={`${finding.host} ${finding.observed}`} className="finding">
          <h3>{finding.host ?? t("install.wholeSite")}</h3>
          <p>{t("install.observed", { observed: say(finding.observed), wanted: say(finding.wanted) })}</p>
          {finding.fix && <p>{t("kit.hint", { hint: text(finding.fix) })}</p>}
          {finding.waived ? <State tone="wait">{t("install.waivedBecause", { reason: finding.waived.waiver?.reason ?? finding.waived.reason ?? "" })}</State>
            : finding.guarded ? <p className="muted">{t("install.guarded", { reason: text(finding.guarded) })}</p>
            : stops(finding) && <Button label={t("install.waiveOn", { host: finding.host ?? t("install.wholeSite") })} onClick={() => setWaiving(finding)}>{t("install.waive")}</Button>}
        </section>
      ))}
      {waiving && <Waive finding={waiving} site={site} onClose={() => setWaiving(undefined)} onWaived={onWaived} />}
    </Drawer>
  );
}

function Waive({ finding, site, onClose, onWaived }: { finding: Finding; site: string; onClose: () => void; onWaived: () => void }) {
  const t = useText();
  const [reason, setReason] = useState("");
  const place = finding.host ?? t("install.wholeSite");
  const waive = useChange(() => api.POST("/api/v1/sites/{name}/waivers", {
    params: { path: { name: site } }, body: { check: finding.id, reason, ...(finding.host && { host: finding.host }) },
  }));
  const shell = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  return (
    <Dialog title={t("install.waiveOn", { host: place })} open onClose={onClose}>
      <Form onSubmit={() => reason.trim() && waive.mutate(undefined, { onSuccess: onWaived })}>
        <p>{t("install.waiveWhy")}</p>
        <Field label={t("install.reasonOfWaiver")} value={reason} onChange={setReason} autoFocus error={waive.error?.at("/reason")} />
        <Problem error={waive.error} shown={["/reason"]} />
        <CopyAsCli command={`armilla check -s site.yaml --waive ${finding.id}${finding.host ? `@${finding.host}` : ""} --reason ${shell(reason)}`} />
        <div className="row">
          <Button onClick={onClose}>{t("kit.cancel")}</Button>
          <Button kind="primary" type="submit" busy={waive.isPending} disabled={!reason.trim()}>{t("install.waive")}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
