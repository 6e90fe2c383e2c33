import { useState } from "react";
import { api, type Of } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { useText } from "../../i18n";
import { Button, CopyAsCli, DataGrid, Dialog, EmptyState, Field, FileChoice, Form, Problem, Section, State, type Column } from "../../kit";
import { useSaid } from "../../said";

type Credential = Of<"SiteCredential">;

/** What the site's text refers to: given once, sealed, shown to nobody. */
export function Credentials({ site, may }: { site: string; may: boolean }) {
  const t = useText();
  const say = useSaid();
  const [gives, give] = useState<Credential>();
  const list = useRead(["secrets", site], () => api.GET("/api/v1/sites/{name}/credentials", { params: { path: { name: site } } }));
  const forget = useChange((id: string) => api.DELETE("/api/v1/sites/{name}/credentials/{id}", { params: { path: { name: site, id } } }));
  const columns: Column<Credential>[] = [
    { id: "what", title: t("hosts.what"), width: 220, grow: 3, cell: ({ what }) => <span title={say(what)}>{say(what)}</span> },
    { id: "from", title: t("hosts.inText"), width: 160, grow: 2, cell: ({ from }) => <span className="mono" title={say(from)}>{say(from)}</span> },
    { id: "kind", title: t("hosts.kind"), width: 110, cell: ({ kind }) => t(`hosts.kind.${kind}`) },
    { id: "given", title: t("hosts.state"), width: 120, cell: ({ given }) => <State tone={given ? "ok" : "warn"}>{t(given ? "hosts.given" : "hosts.missing")}</State> },
    ...(may ? [{
      id: "do", title: t("hosts.action"), width: 160,
      cell: (credential: Credential) => (
        <span className="row">
          <button type="button" className="link" aria-label={t(credential.given ? "hosts.replaceOf" : "hosts.giveOf", { what: say(credential.what) })} onClick={() => give(credential)}>{t(credential.given ? "hosts.replace" : "hosts.give")}</button>
          {credential.given && <button type="button" className="link" aria-label={t("hosts.forgetOf", { what: say(credential.what) })} onClick={() => forget.mutate(credential.id)}>{t("hosts.forget")}</button>}
        </span>
      ),
    }] : []),
  ];
  return (
    <div id="credentials">
      <Section title={t("hosts.credentials")}>
        <Problem error={forget.error} title={t("hosts.notForgotten")} />
        <DataGrid label={t("hosts.credentials")} columns={columns} list={{ rows: list.data?.items, error: list.error, retry: () => void list.refetch() }} rowId={({ id }) => id} empty={<EmptyState why={t("hosts.noCredentials")} />} />
        {list.data?.items[0] && <CopyAsCli command={`armilla host credential give ${list.data.items[0].id} -s ${site}\narmilla host credential rm ${list.data.items[0].id} -s ${site}`} />}
        {gives && <Give site={site} credential={gives} onClose={() => give(undefined)} />}
      </Section>
    </div>
  );
}

/** A private key is a page of text; a movie is not one. Bytes. */
const LONGEST = 65_536;

function Give({ site, credential: { id, kind, what, given }, onClose }: { site: string; credential: Credential; onClose: () => void }) {
  const t = useText();
  const say = useSaid();
  const [secret, setSecret] = useState("");
  const [wrong, setWrong] = useState("");
  const put = useChange(() => api.PUT("/api/v1/sites/{name}/credentials/{id}", { params: { path: { name: site, id } }, body: { secret } }));
  const take = async (file: File) => {
    if (file.size > LONGEST) return setWrong(t("hosts.noText", { file: file.name }));
    setWrong("");
    setSecret(await file.text());
  };
  return (
    <Dialog title={t(given ? "hosts.replaceOf" : "hosts.giveOf", { what: say(what) })} open onClose={onClose}>
      <Form onSubmit={() => put.mutate(undefined, { onSuccess: onClose })}>
        {kind === "secret" ? (
          <Field label={t("hosts.password")} value={secret} onChange={setSecret} type="password" autoComplete="new-password" error={put.error?.at("/secret")} hint={t("hosts.sealed")} autoFocus />
        ) : (
          <>
            <Field label={t(`hosts.kind.${kind}`)} value={secret} onChange={setSecret} lines={6} error={wrong || put.error?.at("/secret")} hint={t("hosts.sealed")} />
            <FileChoice text={t("hosts.chooseFile")} onFile={(file) => void take(file)} />
          </>
        )}
        <Problem error={put.error} title={t("hosts.notGiven")} shown={["/secret"]} />
        <div className="row">
          <Button kind="primary" type="submit" busy={put.isPending} disabled={!secret}>{t(given ? "hosts.replace" : "hosts.give")}</Button>
          <Button onClick={onClose}>{t("hosts.cancel")}</Button>
        </div>
      </Form>
      <CopyAsCli command={`armilla host credential give ${id} -s ${site}${kind === "secret" ? "" : " --secret-stdin < FILE"}`} />
    </Dialog>
  );
}
