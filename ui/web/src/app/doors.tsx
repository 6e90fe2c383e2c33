/** The two ways in: the first start, and logging in. */
import { createRoute, redirect, useNavigate } from "@tanstack/react-router";
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { queries } from "../api/data";
import { Trouble } from "../api/problem";
import { entrance, logIn, setUp } from "../api/session";
import { useText } from "../i18n";
import { Button, ButtonAnchor, Copyable, Field, Form, Problem } from "../kit";
import { root } from "./frame";
import { Languages, Themes } from "./choices";
import mark from "./mark.svg";

/** Where somebody wanted to go: a path of ours, never another origin. */
const validateSearch = (search: Record<string, unknown>): { next?: string } => {
  const next = search.next;
  return typeof next === "string" && /^\/(?![/\\])/.test(next) ? { next } : {};
};

/** Whoever was sent here was asked a moment ago; whoever comes by themselves asks. Milliseconds. */
const asked = { ...entrance, staleTime: 1000 };

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch,
  component: LogIn,
  loader: async () => {
    const way = await queries.fetchQuery(asked);
    if (way.setup) throw redirect({ to: "/welcome" });
    return way;
  },
});

const welcome = createRoute({
  getParentRoute: () => root,
  path: "/welcome",
  validateSearch,
  component: Welcome,
  loader: async () => {
    const way = await queries.fetchQuery(asked);
    if (!way.setup) throw redirect({ to: "/login" });
    return way;
  },
});

export const doors = [login, welcome] as const;

function Door({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const t = useText();
  return (
    <div className="door">
      <header className="row">
        <img src={mark} alt="" width="32" height="32" />
        <strong className="door-name">{t("app.name")}</strong>
        <span className="spring" />
        <Languages />
        <Themes />
      </header>
      <main className="door-card">
        <title>{`${title} · ${t("app.name")}`}</title>
        <h1>{title}</h1>
        <p className="muted">{lead}</p>
        {children}
      </main>
    </div>
  );
}

/** What proves that this is the right machine: the same line that the server prints. */
function Fingerprint({ value }: { value: string | null | undefined }) {
  const t = useText();
  if (!value) return null;
  return (
    <section className="fingerprint" aria-label={t("app.fingerprint")}>
      <h2>{t("app.fingerprint")}</h2>
      <Copyable value={value} what={t("app.fingerprint")} />
      <p className="muted">{t("app.fingerprintWhy")} <a href="/ca.pem" download="armilla-ca.pem">{t("app.authority")}</a></p>
    </section>
  );
}

function LogIn() {
  const t = useText();
  const { next } = login.useSearch();
  const { identityProvider, fingerprint } = login.useLoaderData();
  const navigate = useNavigate();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const sending = useMutation({
    mutationFn: () => logIn(user, password),
    onSuccess: () => navigate({ href: next ?? "/" }),
  });
  return (
    <Door title={t("app.logIn")} lead={t("app.logInLead")}>
      <Form onSubmit={() => sending.mutate()}>
        <Field label={t("app.user")} value={user} onChange={setUser} autoComplete="username" autoFocus required />
        <Field label={t("app.password")} value={password} onChange={setPassword} type="password" autoComplete="current-password" required />
        <Problem error={sending.error} title={t("app.logInFailed")} />
        <Button kind="primary" type="submit" busy={sending.isPending} disabled={!user || !password}>{t("app.logIn")}</Button>
        {identityProvider && <ButtonAnchor href="/api/v1/oidc/login">{t("app.logInByProvider")}</ButtonAnchor>}
      </Form>
      <Fingerprint value={fingerprint} />
    </Door>
  );
}

function Welcome() {
  const t = useText();
  const { next } = welcome.useSearch();
  const { fingerprint } = welcome.useLoaderData();
  const navigate = useNavigate();
  const [code, setCode] = useState("");
  const [user, setUser] = useState("admin");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const sending = useMutation({
    mutationFn: () => setUp(code, user, password),
    onSuccess: () => navigate({ href: next ?? "/" }),
  });
  const differ = again !== "" && again !== password ? t("app.passwordsDiffer") : undefined;
  const wrongCode = sending.error instanceof Trouble && sending.error.kind === "login-refused";
  const at = (pointer: string) => (sending.error instanceof Trouble ? sending.error.at(pointer) : undefined);
  return (
    <Door title={t("app.welcome")} lead={t("app.welcomeLead")}>
      <Fingerprint value={fingerprint} />
      <Form onSubmit={() => !differ && sending.mutate()}>
        <Field label={t("app.code")} value={code} onChange={setCode} hint={t("app.codeHint")} autoComplete="one-time-code" autoFocus required
          error={wrongCode ? t("app.codeWrong") : at("/code")} />
        <Field label={t("app.administrator")} value={user} onChange={setUser} autoComplete="username" error={at("/user")} required />
        <Field label={t("app.password")} value={password} onChange={setPassword} type="password" autoComplete="new-password"
          hint={t("app.passwordHint")} error={at("/password")} required />
        <Field label={t("app.passwordAgain")} value={again} onChange={setAgain} type="password" autoComplete="new-password" error={differ} required />
        {!wrongCode && <Problem error={sending.error} title={t("app.setUpFailed")} shown={["/code", "/user", "/password"]} />}
        <Button kind="primary" type="submit" busy={sending.isPending} disabled={!code || !user || !password || password !== again}>{t("app.setUp")}</Button>
      </Form>
    </Door>
  );
}
