import { useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { api } from "../api/client";
import { queries, reading, useList, whenLoggedOut } from "../api/data";
import { logIn, logOut, me } from "../api/session";
import { watch, type Link as Line } from "../api/watch";
import { useText } from "../i18n";
import { Button, Dialog, Dock, Field, Form, Popup, Problem, State, useNow } from "../kit";
import { navigation } from "./areas";
import { Languages, Themes } from "./choices";
import { Sign } from "./icons";
import mark from "./mark.svg";
import { Palette } from "./palette";

/** What stands around every page: where one is, where one can go, who one is. */
export function Shell() {
  const t = useText();
  const line = useLine();
  const user = useSuspenseQuery(me).data;
  useEffect(() => watch.start(), []);
  const { pathname } = useLocation();
  // On a narrow screen the navigation is one line: where one is stays in sight.
  useEffect(() => void document.querySelector(".shell-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [pathname]);
  // What was pressed on the page before is gone with it: the next Tab begins in this one.
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current !== pathname && document.activeElement === document.body) document.getElementById("main")?.focus({ preventScroll: true });
    before.current = pathname;
  }, [pathname]);
  return (
    <div className="shell">
      <a className="skip" href="#main">{t("app.skip")}</a>
      <Head name={user.name} role={user.role} />
      <nav className="shell-nav" aria-label={t("app.pages")}>
        {navigation(user.role).map(({ group, entries }) => (
          <section key={group} aria-label={t(`app.group.${group}`)}>
            <p className="nav-group" aria-hidden="true">{t(`app.group.${group}`)}</p>
            {entries.map(({ to, text }) => (
              <Link key={to} to={to} activeOptions={{ exact: to === "/" }} activeProps={{ "aria-current": "page" }}><Sign of={to} />{t(text)}</Link>
            ))}
          </section>
        ))}
      </nav>
      <div className="shell-middle">
        {line.state === "lost" && <Lost retryAt={line.retryAt} />}
        <Full />
        <main id="main" className="shell-main" tabIndex={-1}><Outlet /></main>
        <Dock />
      </div>
      <Ended line={line} name={user.name} />
    </div>
  );
}

function Head({ name, role }: { name: string; role: string }) {
  const t = useText();
  const navigate = useNavigate();
  const leaving = useMutation({ mutationFn: logOut, onSuccess: () => navigate({ to: "/login" }) });
  return (
    <header className="shell-head">
      <Link to="/" className="brand" aria-label={t("app.name")}><img src={mark} alt="" width="24" height="24" /><span className="brand-name">{t("app.name")}</span></Link>
      <Instance />
      <Sites />
      <span className="spring" />
      <Palette role={role} />
      <Runs />
      <span className="on-desk"><Languages /></span>
      <Popup button={name} label={t("app.account", { name })}>
        {() => (
          <div className="account">
            <p><b>{name}</b> <span className="muted">{t(`app.role.${role}`)}</span></p>
            <span className="on-phone"><Languages /></span>
            <Themes />
            <Button onClick={() => leaving.mutate()} busy={leaving.isPending}>{t("app.logOut")}</Button>
          </div>
        )}
      </Popup>
    </header>
  );
}

const version = {
  ...reading(["instance", "version"], () => api.GET("/api/v1/version")),
  // No stream tells of a disk that fills: what cannot be written is no change.
  refetchInterval: 60_000,
};

/** Which instance one looks at: its address and version. */
function Instance() {
  const t = useText();
  const { data } = useQuery(version);
  return <span className="chip" title={data && t("app.ledger", { ledger: data.ledger })}>{window.location.host} <span className="muted">{data?.version}</span></span>;
}

/** From one site to another. */
function Sites() {
  const t = useText();
  const { rows = [] } = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  if (rows.length === 0) return null;
  return (
    <Popup button={<>{t("app.sites")} <span className="muted num">{rows.length}</span></>} label={t("app.siteSwitch")}>
      {(close) => rows.map(({ name }) => <Link key={name} to="/clusters/$site" params={{ site: name }} onClick={close}>{name}</Link>)}
    </Popup>
  );
}

/** What is going on now. */
function Runs() {
  const t = useText();
  const live = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { filter: "state=open", sort: "-startedAt" });
  const rows = live.rows ?? [];
  const going = rows.filter((run) => run.live).length;
  const failed = useFailed();
  return (
    <Popup button={<><State tone={going > 0 ? "run" : "wait"}>{t("app.runsNow", { count: going })}</State>{failed.length > 0 && <> <State tone="bad">{t("app.runsFailed", { count: failed.length })}</State></>}</>} label={t("app.runsTray")}>
      {(close) => (
        <>
          {rows.length === 0 && <p className="muted">{t("app.runsNone")}</p>}
          {rows.map(({ id, site }) => <Link key={id} to="/runs/$id" params={{ id }} onClick={close}>{site} <span className="muted">{id}</span></Link>)}
          {failed.map(({ id, site }) => <Link key={id} to="/runs/$id" params={{ id }} onClick={close}>{site} <span className="muted">{id}</span> <State tone="bad">{t("app.runFailed")}</State></Link>)}
          <Link to="/runs" onClick={close}>{t("app.runsAll")}</Link>
        </>
      )}
    </Popup>
  );
}

/** Sites whose last run did not end well: nobody has mended them since. */
function useFailed() {
  const { rows = [] } = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { sort: "-startedAt" });
  const last = new Map<string, (typeof rows)[number]>();
  for (const run of rows) if (!last.has(run.site)) last.set(run.site, run);
  return [...last.values()].filter(({ state }) => state === "failed" || state === "degraded");
}

/** Whether the stream of changes is there; what is shown may be old while it is not. */
function useLine(): Line {
  const [line, setLine] = useState<Line>({ state: "live" });
  useEffect(() => watch.listen({ link: setLine }), []);
  return line;
}

function Lost({ retryAt }: { retryAt: number }) {
  const t = useText();
  const seconds = Math.max(0, Math.ceil((retryAt - useNow()) / 1000));
  // The seconds are not counted aloud.
  return <p className="shell-bar" role="status">{t("app.lost")} <span aria-hidden="true">{t("app.lostNext", { seconds })}</span></p>;
}

/** Nothing that is wished can be kept; it is better known before it is typed. */
function Full() {
  const t = useText();
  const { data } = useQuery(version);
  if (data?.writable !== false) return null;
  return <p className="shell-bar" role="status">{t("app.full")}</p>;
}

/** The session has ended: the page stays as it is, with all that was typed into it, until the same person is back. */
function Ended({ line, name }: { line: Line; name: string }) {
  const t = useText();
  const [ended, setEnded] = useState(false);
  const [password, setPassword] = useState("");
  useEffect(() => whenLoggedOut(() => setEnded(true)), []);
  useEffect(() => {
    if (line.state === "ended") setEnded(true);
  }, [line]);
  const sending = useMutation({
    mutationFn: () => logIn(name, password),
    onSuccess: () => {
      setEnded(false);
      setPassword("");
      watch.close();
      watch.start();
      void queries.invalidateQueries();
    },
  });
  const leave = () => window.location.assign("/login");
  return (
    <Dialog title={t("app.ended")} open={ended} onClose={leave}>
      <Form onSubmit={() => sending.mutate()}>
        <p>{t("app.endedWhy", { name })}</p>
        <Field label={t("app.password")} value={password} onChange={setPassword} type="password" autoComplete="current-password" autoFocus />
        <Problem error={sending.error} title={t("app.logInFailed")} />
        <div className="row">
          <Button kind="primary" type="submit" busy={sending.isPending} disabled={!password}>{t("app.logIn")}</Button>
          <Button onClick={leave}>{t("app.logInAsOther")}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
