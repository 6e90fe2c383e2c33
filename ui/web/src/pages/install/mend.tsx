import { useEffect, useState } from "react";
import { api } from "../../api/client";
import { useChange } from "../../api/data";
import { useText } from "../../i18n";
import { Banner, Button, Check, CopyAsCli, Dialog, Problem, Skeleton, State } from "../../kit";
import { useSaid } from "../../said";
import { hasData, type Finding } from "./findings";

/** A repair on a host, with what it changes: appliance/control/src/fixing.rs. */
type Fix = { host: string; check: string; changes: { what: string; before: string; after: string }[]; failed?: string };
type Props = { site: string; path: string; findings: readonly Finding[]; /** One check's repairs alone. */ only?: string; onClose: () => void; onMended: () => void };

/** What Armilla can mend by itself: the hosts are asked what would change, then it is done, and looked at again. */
export function Mend({ site, path, findings, only, onClose, onMended }: Props) {
  const t = useText();
  const say = useSaid();
  const [moveData, setMoveData] = useState(false);
  const checks = only ? [only] : [];
  const ask = (dry: boolean) => api.POST("/api/v1/sites/{name}/repairs", { params: { path: { name: site }, query: dry ? { dryRun: "All" as const } : {} }, body: { moveData, checks } });
  const look = useChange(() => ask(true));
  const mend = useChange(() => ask(false));
  const { mutate } = look;
  useEffect(() => mutate(undefined), [mutate, moveData]);
  const would = (look.data?.items ?? []) as unknown as Fix[];
  const failed = ((mend.data?.items ?? []) as unknown as Fix[]).filter((fix) => fix.failed);
  const data = findings.filter((finding) => (!only || finding.id === only) && hasData(finding)).length;
  const act = () => mend.mutate(undefined, { onSuccess: ({ items }) => !(items as unknown as Fix[]).some((fix) => fix.failed) && onMended() });
  const done = () => (mend.data ? onMended() : onClose());
  return (
    <Dialog title={t("install.mend")} open onClose={done} actions={
      <>
        {mend.data ? <Button kind="primary" onClick={done}>{t("install.checkAgain")}</Button>
          : <Button kind="primary" busy={mend.isPending} disabled={look.isPending || would.length === 0} onClick={act}>{t("install.mendNow", { count: would.length })}</Button>}
        {!mend.data && <Button onClick={onClose}>{t("kit.cancel")}</Button>}
      </>
    }>
      <p>{t("install.mendWhy")}</p>
      {data > 0 && <Check label={t("install.moveData")} hint={t("install.moveDataWhy")} checked={moveData} onChange={setMoveData} />}
      <Problem error={look.error ?? mend.error} title={t("install.notMended")} />
      {failed.length > 0 && <Banner tone="danger" title={t("install.mendFailed", { count: failed.length })}><ul>{failed.map((fix, at) => <li key={at}>{fix.host}{t("kit.colon")}{say(fix.failed ?? "")}</li>)}</ul></Banner>}
      {look.isPending ? <Skeleton rows={3} /> : would.length === 0 ? <p>{t("install.nothingToMend")}</p> : <Changes fixes={would} />}
      <CopyAsCli command={`armilla check -s site.yaml -b ${path} --fix${moveData ? " --move-data" : ""}`} />
    </Dialog>
  );
}

function Changes({ fixes }: { fixes: Fix[] }) {
  const t = useText();
  const say = useSaid();
  return (
    <div className="keys-list" tabIndex={0} role="group" aria-label={t("install.changes")}>
      <table className="plain">
        <thead><tr><th scope="col">{t("install.host")}</th><th scope="col">{t("install.changes")}</th></tr></thead>
        <tbody>
          {fixes.map(({ host, check, changes, failed }, at) => (
            <tr key={`${host} ${check} ${at}`}>
              <td>{host}</td>
              <td>
                {changes.map(({ what, before, after }) => <div key={what}><code>{say(what)}</code>{t("kit.colon")}{say(before)} → {say(after)}</div>)}
                {failed ? <State tone="bad">{say(failed)}</State> : changes.length === 0 && <span className="muted">{t("install.soAlready")}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
