import { useState } from "react";
import { api, type Item } from "../../api/client";
import { useChange, useList } from "../../api/data";
import { useText, type Text } from "../../i18n";
import { Ago, Button, CopyAsCli, DataGrid, EmptyState, Field, Form, Page, Problem, Section, State, type Column } from "../../kit";
import { browser } from "./agent";

type Session = Item<"List_Session">;

const columns = (t: Text, end: (id: string) => void): Column<Session>[] => [
  { id: "user", title: t("settings.user"), width: 120, sort: "user", cell: ({ user }) => user },
  { id: "agent", title: t("settings.browser"), width: 180, grow: 2, cell: ({ agent, current }) => <span title={agent}>{browser(agent) ?? agent} {current && <State tone="ok">{t("settings.thisOne")}</State>}</span> },
  { id: "address", title: t("settings.address"), width: 140, sort: "address", cell: ({ address }) => <span className="mono">{address}</span> },
  { id: "created", title: t("settings.begun"), width: 120, sort: "createdAt", cell: ({ createdAt }) => <Ago at={createdAt} /> },
  { id: "seen", title: t("settings.seen"), width: 120, sort: "seenAt", cell: ({ seenAt }) => <Ago at={seenAt} /> },
  { id: "end", title: t("settings.action"), width: 110, cell: ({ id, user, current }) => !current && <button type="button" className="link" aria-label={t("settings.endOf", { name: user })} onClick={() => end(id)}>{t("settings.end")}</button> },
];

/** Where one is logged in; an administrator sees everybody's. */
export function Sessions() {
  const t = useText();
  const list = useList("sessions", (query) => api.GET("/api/v1/sessions", { params: { query } }), { sort: "-seenAt" });
  const end = useChange((id: string) => api.DELETE("/api/v1/sessions/{id}", { params: { path: { id } } }));
  const others = (list.rows ?? []).filter(({ current, user }) => !current && user === list.rows?.find((session) => session.current)?.user);
  const endOthers = () => others.forEach(({ id }) => end.mutate(id));
  return (
    <Page title={t("settings.sessions")} lead={t("settings.sessionsLead")} {...(others.length > 0 && { actions: <Button busy={end.isPending} onClick={endOthers}>{t("settings.endOthers", { count: others.length })}</Button> })}>
      <Problem error={end.error} title={t("settings.notEnded")} />
      <DataGrid label={t("settings.sessions")} columns={columns(t, (id) => end.mutate(id))} list={list} rowId={({ id }) => id} empty={<EmptyState why={t("settings.sessionsEmpty")} />} />
      <CopyAsCli command={`armilla user session ls\narmilla user session end ${others[0]?.id ?? "ID"}`} />
      <OwnPassword />
    </Page>
  );
}

function OwnPassword() {
  const t = useText();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const set = useChange(() => api.PUT("/api/v1/me/password", { body: { current, password } }));
  const clear = () => {
    setCurrent("");
    setPassword("");
  };
  return (
    <Section title={t("settings.ownPassword")}>
      <Form onSubmit={() => set.mutate(undefined, { onSuccess: clear })}>
        <Field label={t("settings.currentPassword")} value={current} onChange={setCurrent} type="password" autoComplete="current-password" error={set.error?.at("/current")} />
        <Field label={t("settings.newPassword")} value={password} onChange={setPassword} type="password" autoComplete="new-password" hint={t("settings.passwordHint")} error={set.error?.at("/password")} />
        <Problem error={set.error} title={t("settings.passwordNotSet")} shown={["/current", "/password"]} />
        <div className="row">
          <Button type="submit" busy={set.isPending} disabled={!current || !password}>{t("settings.setPassword")}</Button>
          {set.isSuccess && !password && <span role="status"><State tone="ok">{t("settings.passwordSet")}</State></span>}
        </div>
      </Form>
    </Section>
  );
}
