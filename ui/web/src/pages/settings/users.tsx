import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Item, type Of } from "../../api/client";
import { filterValue, useChange, useList } from "../../api/data";
import { me } from "../../api/session";
import { useText, type Text } from "../../i18n";
import { Ago, Banner, Button, CopyAsCli, DataGrid, DestroyDialog, Dialog, Drawer, EmptyState, Facts, Field, Form, Page, Problem, Section, Select, State, type Column } from "../../kit";

type User = Item<"List_User">;
type Role = Of<"Role">;
const ROLES = ["viewer", "operator", "admin"] as const;

const columns = (t: Text, open: (name: string) => void): Column<User>[] => [
  { id: "name", title: t("settings.user"), width: 160, grow: 2, sort: "name", cell: ({ name }) => <button type="button" className="link" onClick={() => open(name)}>{name}</button> },
  { id: "role", title: t("settings.role"), width: 120, sort: "role", cell: ({ role }) => t(`settings.role.${role}`) },
  { id: "state", title: t("settings.state"), width: 120, cell: ({ disabled }) => <State tone={disabled ? "warn" : "ok"}>{t(disabled ? "settings.disabled" : "settings.active")}</State> },
  { id: "issuer", title: t("settings.issuer"), width: 160, grow: 2, cell: ({ issuer }) => issuer ?? t("settings.local") },
  { id: "created", title: t("settings.created"), width: 120, sort: "createdAt", cell: ({ createdAt }) => <Ago at={createdAt} /> },
];

/** Everybody who may log in. */
export function Users() {
  const t = useText();
  const [open, setOpen] = useState<string>();
  const [adds, add] = useState(false);
  const list = useList("users", (query) => api.GET("/api/v1/users", { params: { query } }), { sort: "name" });
  const user = list.rows?.find(({ name }) => name === open);
  return (
    <Page title={t("settings.users")} lead={t("settings.usersLead")} actions={<Button kind="primary" onClick={() => add(true)}>{t("settings.addUser")}</Button>}>
      <DataGrid label={t("settings.users")} columns={columns(t, setOpen)} list={list} rowId={({ name }) => name} search={byName} empty={<EmptyState why={t("settings.usersEmpty")} />} />
      <CopyAsCli command="armilla user ls" />
      {adds && <NewUser onClose={() => add(false)} />}
      {user && <OneUser key={user.name} user={user} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

const byName = (typed: string) => `name~${filterValue(typed)}`;

function Roles({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  const t = useText();
  return <Select label={t("settings.role")} value={value} onChange={(role) => onChange(role as Role)} options={ROLES.map((role) => ({ value: role, label: `${t(`settings.role.${role}`)} – ${t(`settings.may.${role}`)}` }))} />;
}

function NewUser({ onClose }: { onClose: () => void }) {
  const t = useText();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const [password, setPassword] = useState("");
  const add = useChange(() => api.POST("/api/v1/users", { body: { name, role, password } }));
  return (
    <Dialog title={t("settings.addUser")} open onClose={onClose}>
      <Form onSubmit={() => add.mutate(undefined, { onSuccess: onClose })}>
        <Field label={t("settings.user")} value={name} onChange={setName} error={add.error?.at("/name")} autoComplete="off" autoFocus />
        <Roles value={role} onChange={setRole} />
        <Field label={t("settings.password")} value={password} onChange={setPassword} type="password" autoComplete="new-password" hint={t("settings.passwordHint")} error={add.error?.at("/password")} />
        <Problem error={add.error} title={t("settings.userNotAdded")} shown={["/name", "/password"]} />
        <div className="row">
          <Button kind="primary" type="submit" busy={add.isPending} disabled={!name || !password}>{t("settings.addUser")}</Button>
          <Button onClick={onClose}>{t("settings.cancel")}</Button>
        </div>
      </Form>
      <CopyAsCli command={`armilla user add ${name || "NAME"} --role ${role}`} />
    </Dialog>
  );
}

function OneUser({ user, onClose }: { user: User; onClose: () => void }) {
  const t = useText();
  const own = useQuery(me).data?.name === user.name;
  const [role, setRole] = useState<Role>(user.role);
  const [removes, ask] = useState(false);
  const at = { params: { path: { name: user.name }, header: { "If-Match": `"${user.revision}"` } } };
  const change = useChange((body: Of<"UserChange">) => api.PATCH("/api/v1/users/{name}", { ...at, body }));
  const remove = useChange(() => api.DELETE("/api/v1/users/{name}", at));
  return (
    <Drawer title={user.name} onClose={onClose}>
      <Facts of={[
        [t("settings.state"), <State key="state" tone={user.disabled ? "warn" : "ok"}>{t(user.disabled ? "settings.disabled" : "settings.active")}</State>],
        [t("settings.issuer"), user.issuer ?? t("settings.local")],
        [t("settings.created"), <Ago key="created" at={user.createdAt} />],
      ]} />
      <Problem error={change.error} title={t("settings.userNotChanged")} />
      <Section title={t("settings.role")}>
        <Form onSubmit={() => change.mutate({ role })}>
          <Roles value={role} onChange={setRole} />
          <Button type="submit" busy={change.isPending} disabled={role === user.role}>{t("settings.changeRole")}</Button>
        </Form>
        <CopyAsCli command={`armilla user set ${user.name} --role ${role}`} />
      </Section>
      {!user.issuer && <Password user={user} />}
      <Section title={t("settings.access")}>
        <div className="row">
          <Button busy={change.isPending} onClick={() => change.mutate({ disabled: !user.disabled })}>{t(user.disabled ? "settings.enable" : "settings.disable")}</Button>
          <Button kind="danger" onClick={() => ask(true)}>{t("settings.removeUser")}</Button>
        </div>
        <CopyAsCli command={`armilla user set ${user.name} ${user.disabled ? "--enable" : "--disable"}`} />
      </Section>
      <DestroyDialog title={t("settings.removeUserOf", { name: user.name })} open={removes} onClose={() => ask(false)} name={user.name} verb={t("settings.removeUser")} busy={remove.isPending} onConfirm={() => remove.mutate(undefined, { onSuccess: onClose })}>
        <p>{t("settings.removeUserWhat")}</p>
        {own && <Banner tone="warning" title={t("settings.removeSelf")} />}
        <CopyAsCli command={`armilla user rm ${user.name}`} />
        <Problem error={remove.error} title={t("settings.userNotRemoved")} />
      </DestroyDialog>
    </Drawer>
  );
}

function Password({ user }: { user: User }) {
  const t = useText();
  const [password, setPassword] = useState("");
  const set = useChange(() => api.PUT("/api/v1/users/{name}/password", { params: { path: { name: user.name } }, body: { password } }));
  return (
    <Section title={t("settings.password")}>
      <Form onSubmit={() => set.mutate(undefined, { onSuccess: () => setPassword("") })}>
        <Field label={t("settings.newPassword")} value={password} onChange={setPassword} type="password" autoComplete="new-password" hint={t("settings.passwordEnds")} error={set.error?.at("/password")} />
        <Problem error={set.error} title={t("settings.passwordNotSet")} shown={["/password"]} />
        <div className="row">
          <Button type="submit" busy={set.isPending} disabled={!password}>{t("settings.setPassword")}</Button>
          {set.isSuccess && !password && <span role="status"><State tone="ok">{t("settings.passwordSet")}</State></span>}
        </div>
      </Form>
      <CopyAsCli command={`armilla passwd ${user.name}`} />
    </Section>
  );
}
