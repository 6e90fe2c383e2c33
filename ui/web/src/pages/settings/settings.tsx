import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Of } from "../../api/client";
import { useChange } from "../../api/data";
import { settle, type Trouble } from "../../api/problem";
import { useText } from "../../i18n";
import { Button, Check, CopyAsCli, Field, Form, Page, Problem, Section, Select, Skeleton, State } from "../../kit";
import "./settings.css";
import { changedSettings, filled, read, type Typed } from "./typed";

/** How this instance is set. */
export function Settings() {
  const t = useText();
  const settings = useQuery({ queryKey: ["settings"], queryFn: () => settle(api.GET("/api/v1/settings")) });
  if (!settings.data) return <Page title={t("settings.settings")}>{settings.error ? <Problem error={settings.error} retry={() => void settings.refetch()} /> : <Skeleton />}</Page>;
  const { body, etag } = settings.data;
  return (
    <Page title={t("settings.settings")} lead={t("settings.settingsLead")}>
      {/* What somebody else sets meanwhile does not overwrite what is being typed: the server says so when it is sent. */}
      <Editor key={etag} before={body} etag={etag ?? ""} />
      {body.oidc && <OidcSecret />}
    </Page>
  );
}

function Editor({ before, etag }: { before: Of<"Settings">; etag: string }) {
  const t = useText();
  const [typed, type] = useState<Typed>(() => filled(before));
  const save = useChange(() => api.PUT("/api/v1/settings", { params: { header: { "If-Match": etag } }, body: read(typed) }));
  const set = (what: Partial<Typed>) => type({ ...typed, ...what });
  const changed = changedSettings(before, read(typed));
  const at = (pointer: string) => save.error?.at(pointer);
  return (
    <Form onSubmit={() => save.mutate(undefined)}>
      <Section title={t("settings.sessions")}>
        <Field label={t("settings.sessionHours")} value={typed.sessionHours} onChange={(sessionHours) => set({ sessionHours })} type="number" hint={t("settings.sessionHoursHint")} error={at("/sessionHours")} />
        <Field label={t("settings.idleMinutes")} value={typed.idleMinutes} onChange={(idleMinutes) => set({ idleMinutes })} type="number" hint={t("settings.idleMinutesHint")} error={at("/idleMinutes")} />
      </Section>
      <Section title={t("settings.runs")}>
        <Field label={t("settings.runsAtOnce")} value={typed.runsAtOnce} onChange={(runsAtOnce) => set({ runsAtOnce })} type="number" hint={t("settings.runsAtOnceHint")} error={at("/runsAtOnce")} />
      </Section>
      <Section title={t("settings.reach")}>
        <Field label={t("settings.publicUrl")} value={typed.publicUrl} onChange={(publicUrl) => set({ publicUrl })} hint={t("settings.publicUrlHint")} error={at("/publicUrl")} />
      </Section>
      <Section title={t("settings.oidc")}>
        <Check label={t("settings.oidcOn")} checked={typed.oidc} onChange={(oidc) => set({ oidc })} hint={t("settings.oidcHint")} />
        {typed.oidc && <Provider typed={typed} set={set} error={save.error} />}
      </Section>
      <Problem error={save.error} title={t("settings.notSaved")} shown={POINTERS} />
      <div className="row">
        <Button kind="primary" type="submit" busy={save.isPending} disabled={changed.length === 0}>{t("settings.save")}</Button>
        {save.isSuccess && changed.length === 0 && <span role="status"><State tone="ok">{t("settings.saved")}</State></span>}
      </div>
      <CopyAsCli command={`armilla settings set ${changed.length > 0 ? changed.join(" ") : "sessionHours=12"}`} />
    </Form>
  );
}

const POINTERS = ["/sessionHours", "/idleMinutes", "/runsAtOnce", "/publicUrl", "/oidc/issuer", "/oidc/clientId", "/oidc/nameClaim", "/oidc/groupsClaim"];

function Provider({ typed, set, error }: { typed: Typed; set: (what: Partial<Typed>) => void; error: Trouble | null }) {
  const t = useText();
  const role = (at: number, what: Partial<Typed["roles"][number]>) => set({ roles: typed.roles.map((each, index) => (index === at ? { ...each, ...what } : each)) });
  return (
    <>
      <Field label={t("settings.oidcIssuer")} value={typed.issuer} onChange={(issuer) => set({ issuer })} hint={t("settings.oidcIssuerHint")} error={error?.at("/oidc/issuer")} />
      <Field label={t("settings.oidcClient")} value={typed.clientId} onChange={(clientId) => set({ clientId })} error={error?.at("/oidc/clientId")} />
      <Field label={t("settings.oidcName")} value={typed.nameClaim} onChange={(nameClaim) => set({ nameClaim })} error={error?.at("/oidc/nameClaim")} />
      <Field label={t("settings.oidcGroups")} value={typed.groupsClaim} onChange={(groupsClaim) => set({ groupsClaim })} error={error?.at("/oidc/groupsClaim")} />
      <fieldset className="groups">
        <legend>{t("settings.oidcRoles")}</legend>
        {typed.roles.map((each, at) => (
          <div key={at} className="row">
            <Field label={t("settings.oidcGroup")} value={each.group} onChange={(group) => role(at, { group })} />
            <Select label={t("settings.role")} value={each.role} onChange={(value) => role(at, { role: value as Of<"Role"> })} options={(["viewer", "operator", "admin"] as const).map((value) => ({ value, label: t(`settings.role.${value}`) }))} />
            <Button kind="plain" label={t("settings.oidcDrop", { group: each.group })} onClick={() => set({ roles: typed.roles.filter((_, index) => index !== at) })}>{t("settings.drop")}</Button>
          </div>
        ))}
        <div className="row"><Button onClick={() => set({ roles: [...typed.roles, { group: "", role: "viewer" }] })}>{t("settings.oidcAdd")}</Button></div>
      </fieldset>
    </>
  );
}

/** Given once, never shown. */
function OidcSecret() {
  const t = useText();
  const [secret, setSecret] = useState("");
  const put = useChange(() => api.PUT("/api/v1/settings/oidc-secret", { body: { secret } }));
  return (
    <Section title={t("settings.oidcSecret")}>
      <Form onSubmit={() => put.mutate(undefined, { onSuccess: () => setSecret("") })}>
        <Field label={t("settings.oidcSecretOf")} value={secret} onChange={setSecret} type="password" autoComplete="off" hint={t("settings.oidcSecretHint")} error={put.error?.at("/secret")} />
        <Problem error={put.error} title={t("settings.notSaved")} shown={["/secret"]} />
        <div className="row">
          <Button type="submit" busy={put.isPending} disabled={!secret}>{t("settings.keepSecret")}</Button>
          {put.isSuccess && !secret && <span role="status"><State tone="ok">{t("settings.secretKept")}</State></span>}
        </div>
      </Form>
      <CopyAsCli command="armilla settings oidc-secret" />
    </Section>
  );
}
