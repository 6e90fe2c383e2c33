import { useState } from "react";
import { activate, language, useText, type Language } from "../i18n";
import { putOn, theme, type Theme } from "./theme";

export function Languages() {
  const t = useText();
  return (
    <select className="quiet" aria-label={t("app.language")} value={language()} onChange={(event) => void activate(event.target.value as Language)}>
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
    <select className="quiet" aria-label={t("app.theme")} value={now} onChange={(event) => change(event.target.value as Theme)}>
      {(["system", "light", "dark"] as const).map((each) => <option key={each} value={each}>{t(`app.theme.${each}`)}</option>)}
    </select>
  );
}
