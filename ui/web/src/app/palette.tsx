import { useNavigate } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { api } from "../api/client";
import { useList } from "../api/data";
import { useText } from "../i18n";
import { Choose, Dialog } from "../kit";
import { navigation } from "./areas";
import { LETTERS, useKeys, type Key } from "./keys";

/** Ctrl+K: go anywhere by a few letters of its name; and what the other keys do. */
export function Palette({ role }: { role: string }) {
  const t = useText();
  const navigate = useNavigate();
  const [open, setOpen] = useState<"palette" | "help" | undefined>();
  const close = () => setOpen(undefined);
  const act = useCallback(
    (key: Key) => {
      if (key.kind === "go") void navigate({ to: LETTERS[key.letter] ?? "/" });
      else if (key.kind === "filter") document.querySelector<HTMLElement>("main input[type=search]")?.focus();
      else setOpen(key.kind);
    },
    [navigate],
  );
  useKeys(act);
  return (
    <>
      <button type="button" className="quiet palette-button" onClick={() => setOpen("palette")}>
        {t("app.palette")} <kbd>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘K" : "Ctrl K"}</kbd>
      </button>
      <Dialog title={t("app.palette")} open={open === "palette"} onClose={close} top>
        <Places role={role} go={(to) => { close(); void navigate({ to }); }} />
      </Dialog>
      <Dialog title={t("app.keys")} open={open === "help"} onClose={close}>
        <dl className="keys">
          <div><dt><kbd>Ctrl K</kbd> <kbd>⌘K</kbd></dt><dd>{t("app.palette")}</dd></div>
          <div><dt><kbd>/</kbd></dt><dd>{t("app.keyFilter")}</dd></div>
          <div><dt><kbd>?</kbd></dt><dd>{t("app.keys")}</dd></div>
          <div><dt><kbd>Esc</kbd></dt><dd>{t("app.keyClose")}</dd></div>
          {navigation(role).flatMap(({ entries }) => entries).map(({ to, text }) => {
            const letter = Object.keys(LETTERS).find((key) => LETTERS[key] === to);
            return letter ? <div key={to}><dt><kbd>g</kbd> <kbd>{letter}</kbd></dt><dd>{t(text)}</dd></div> : null;
          })}
        </dl>
      </Dialog>
    </>
  );
}

/** Pages, sites and the last runs. Asked for when the palette opens. */
function Places({ role, go }: { role: string; go: (to: string) => void }) {
  const t = useText();
  const sites = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  const runs = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { sort: "-startedAt" });
  const places = [
    ...navigation(role).flatMap(({ entries }) => entries).map(({ to, text }) => ({ id: to, text: t(text), kind: t("app.kind.page") })),
    ...(sites.rows ?? []).map(({ name }) => ({ id: `/clusters/${name}`, text: name, kind: t("app.kind.site") })),
    ...(runs.rows ?? []).slice(0, 50).map(({ id, site }) => ({ id: `/runs/${id}`, text: `${id} ${site}`, kind: t("app.kind.run") })),
  ];
  return <Choose label={t("app.paletteHint")} options={places} onChoose={go} />;
}
