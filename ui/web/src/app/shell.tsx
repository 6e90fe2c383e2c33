import { Link, Outlet } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { watch, type Link as Connection } from "../api/watch";
import { activate, language, useText, type Language } from "../i18n";
import { useMe, useSignOut } from "./session";
import { putOn, theme, type Theme } from "./theme";
import "./shell.css";

const PAGES = ["/sites", "/runs", "/bundles", "/users", "/audit", "/settings"] as const;

/** What stands around every page: where one is, where one can go, who one is. */
export function Shell() {
  const t = useText();
  return (
    <div className="shell">
      <a className="skip" href="#main">{t("shell.skip")}</a>
      <Head />
      <nav className="shell-nav" aria-label={t("shell.pages")}>
        {PAGES.map((page) => (
          <Link key={page} to={page} activeProps={{ "aria-current": "page" }}>{t(`page${page}`)}</Link>
        ))}
      </nav>
      <main id="main" className="shell-main" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

function Head() {
  const t = useText();
  const me = useMe();
  const signOut = useSignOut();
  const link = useConnection();
  return (
    <header className="shell-head">
      <Link to="/" className="brand"><img src="/mark.svg" alt="" width="24" height="24" />{t("app.name")}</Link>
      {link === "lost" && <span className="shell-bar" role="status">{t("shell.lost")}</span>}
      <span className="spring" />
      <Languages />
      <Themes />
      {me && <span className="muted">{me.name}</span>}
      <button type="button" className="quiet" onClick={signOut}>{t("shell.signOut")}</button>
    </header>
  );
}

export function Languages() {
  const t = useText();
  return (
    <select aria-label={t("shell.language")} value={language()} onChange={(event) => void activate(event.target.value as Language)}>
      <option value="en" lang="en">English</option>
      <option value="zh" lang="zh-CN">中文</option>
    </select>
  );
}

export function Themes() {
  const t = useText();
  const [now, choose] = useState<Theme>(theme);
  const change = (wanted: Theme) => {
    putOn(wanted);
    choose(wanted);
  };
  return (
    <select aria-label={t("shell.theme")} value={now} onChange={(event) => change(event.target.value as Theme)}>
      {(["system", "light", "dark"] as const).map((each) => <option key={each} value={each}>{t(`theme.${each}`)}</option>)}
    </select>
  );
}

/** Whether the stream of changes is there; what is shown may be old while it is not. */
function useConnection(): Connection {
  const [link, setLink] = useState<Connection>("live");
  useEffect(() => watch.listen((told) => "link" in told && setLink(told.link)), []);
  return link;
}
