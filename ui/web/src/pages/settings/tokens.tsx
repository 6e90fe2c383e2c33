import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Item, type Of } from "../../api/client";
import { useChange, useList } from "../../api/data";
import { me } from "../../api/session";
import { useText, type Text } from "../../i18n";
import { Ago, Banner, Button, CopyAsCli, Copyable, DataGrid, Dialog, EmptyState, Field, Form, Page, Problem, Select, type Column } from "../../kit";
import "./settings.css";

type Token = Item<"List_Token">;
type Role = Of<"Role">;
const ROLES = ["viewer", "operator", "admin"] as const;

const columns = (t: Text, revoke: (token: Token) => void): Column<Token>[] => [
  { id: "name", title: t("settings.tokenName"), width: 160, grow: 2, sort: "name", cell: ({ name }) => name },
  { id: "user", title: t("settings.user"), width: 110, sort: "user", cell: ({ user }) => user },
  { id: "role", title: t("settings.role"), width: 110, sort: "role", cell: ({ role }) => t(`settings.role.${role}`) },
  { id: "created", title: t("settings.made"), width: 120, sort: "createdAt", cell: ({ createdAt }) => <Ago at={createdAt} /> },
  { id: "used", title: t("settings.used"), width: 120, sort: "usedAt", cell: ({ usedAt }) => (usedAt ? <Ago at={usedAt} /> : t("settings.never")) },
  { id: "expires", title: t("settings.expires"), width: 130, sort: "expiresAt", cell: ({ expiresAt }) => (expiresAt ? <Ends at={expiresAt} /> : t("settings.expiresNever")) },
  { id: "revoke", title: t("settings.action"), width: 110, cell: (token) => <button type="button" className="link" aria-label={t("settings.revokeOf", { name: token.name })} onClick={() => revoke(token)}>{t("settings.revoke")}</button> },
];

/** A moment to come; `Ago` knows only those that were. */
function Ends({ at }: { at: number }) {
  const t = useText();
  const days = Math.ceil((at - Date.now()) / 86_400_000);
  return <span title={new Date(at).toLocaleString()}>{t("settings.inDays", { days })}</span>;
}

/** What programs log in with. */
export function Tokens() {
  const t = useText();
  const [makes, make] = useState(false);
  const [revokes, ask] = useState<Token>();
  const list = useList("tokens", (query) => api.GET("/api/v1/tokens", { params: { query } }), { sort: "name" });
  const revoke = useChange((id: string) => api.DELETE("/api/v1/tokens/{id}", { params: { path: { id } } }));
  const close = () => ask(undefined);
  return (
    <Page title={t("settings.tokens")} lead={t("settings.tokensLead")} actions={<Button kind="primary" onClick={() => make(true)}>{t("settings.makeToken")}</Button>}>
      <DataGrid label={t("settings.tokens")} columns={columns(t, ask)} list={list} rowId={({ id }) => id} empty={<EmptyState why={t("settings.tokensEmpty")} />} />
      <CopyAsCli command="armilla token ls" />
      {makes && <NewToken onClose={() => make(false)} />}
      {revokes && (
        <Dialog title={t("settings.revokeOf", { name: revokes.name })} open onClose={close} actions={
          <>
            <Button kind="danger" busy={revoke.isPending} onClick={() => revoke.mutate(revokes.id, { onSuccess: close })}>{t("settings.revoke")}</Button>
            <Button onClick={close} autoFocus>{t("settings.cancel")}</Button>
          </>
        }>
          <p>{t("settings.revokeWhat")}</p>
          <Problem error={revoke.error} title={t("settings.notRevoked")} />
          <CopyAsCli command={`armilla token revoke ${revokes.id}`} />
        </Dialog>
      )}
    </Page>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const t = useText();
  const own = useQuery(me).data?.role ?? "viewer";
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState("90");
  const make = useChange(() => api.POST("/api/v1/tokens", { body: { name, role, expiresInDays: days ? Number(days) : null } }));
  const secret = make.data?.secret;
  if (secret) {
    return (
      <Dialog title={t("settings.tokenMade", { name })} open onClose={onClose} actions={<Button kind="primary" onClick={onClose}>{t("settings.tokenKept")}</Button>}>
        <Banner tone="warning" title={t("settings.tokenOnce")} />
        <p className="secret"><Copyable value={secret} what={t("settings.token")} /></p>
        <CopyAsCli command={`curl --cacert ca.pem -H "Authorization: Bearer $(cat token)" ${window.location.origin}/api/v1/sites`} />
      </Dialog>
    );
  }
  const may = ROLES.slice(0, ROLES.indexOf(own) + 1);
  return (
    <Dialog title={t("settings.makeToken")} open onClose={onClose}>
      <Form onSubmit={() => make.mutate(undefined)}>
        <Field label={t("settings.tokenName")} value={name} onChange={setName} hint={t("settings.tokenNameHint")} error={make.error?.at("/name")} autoComplete="off" autoFocus />
        <Select label={t("settings.role")} value={role} onChange={(value) => setRole(value as Role)} options={may.map((each) => ({ value: each, label: `${t(`settings.role.${each}`)} – ${t(`settings.may.${each}`)}` }))} />
        <Field label={t("settings.days")} value={days} onChange={setDays} type="number" hint={t("settings.daysHint")} error={make.error?.at("/expiresInDays")} />
        <Problem error={make.error} title={t("settings.tokenNotMade")} shown={["/name", "/expiresInDays"]} />
        <div className="row">
          <Button kind="primary" type="submit" busy={make.isPending} disabled={!name.trim()}>{t("settings.makeToken")}</Button>
          <Button onClick={onClose}>{t("settings.cancel")}</Button>
        </div>
      </Form>
      <CopyAsCli command={`armilla token create ${name.trim() ? quoted(name.trim()) : "NAME"} --role ${role}${days ? ` --expires-in-days ${days}` : ""}`} />
    </Dialog>
  );
}

/** As a shell takes it for one word. */
const quoted = (word: string) => (/^[\w.@%+=:,/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
