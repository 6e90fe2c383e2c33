import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Xterm, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef, useState } from "react";
import { useText } from "../../i18n";
import { Button, State } from "../../kit";
import { useSaid } from "../../said";
import { address, Shell, type End } from "./shell";
import { whileStyledByScript } from "./stylesheets";
import "./terminal.css";

type Props = {
  /** The server's route. */
  path: string;
  /** Of the route: `container`. */
  query?: Record<string, string>;
  label: string;
};

/** A shell somewhere else. It stays in the dock; when it has ended, what it showed stays, and it can be opened again. */
export function Terminal({ path, query, label }: Props) {
  const t = useText();
  const box = useRef<HTMLDivElement>(null);
  const again = useRef<() => void>(() => undefined);
  const [state, setState] = useState<"opening" | "open" | End>("opening");
  const more = JSON.stringify(query ?? {});
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const { terminal, fit } = made(element);
    let shell: Shell | undefined;
    const open = () => {
      shell?.leave();
      setState("opening");
      const size = { columns: terminal.cols, rows: terminal.rows };
      shell = new Shell(address(path, size, { ...(JSON.parse(more) as Record<string, string>), refusalOnClose: "true" }), {
        opened: () => setState("open"),
        shown: (bytes) => terminal.write(bytes),
        ended: (end) => {
          terminal.write("\x1b[?1049l\x1b[0m\r\n");
          setState(end);
        },
      });
      terminal.focus();
    };
    const encoder = new TextEncoder();
    const hearing = [
      terminal.onData((typed) => shell?.type(encoder.encode(typed))),
      terminal.onBinary((typed) => shell?.type(Uint8Array.from(typed, (each) => each.charCodeAt(0)))),
      terminal.onResize(({ cols, rows }) => shell?.resize({ columns: cols, rows })),
    ];
    terminal.attachCustomKeyEventHandler((event) => !leaves(event, element));
    // Behind another one in the dock it has no size, and keeps the one that it had.
    const sized = new ResizeObserver(() => element.offsetWidth > 0 && element.offsetHeight > 0 && fit.fit());
    sized.observe(element);
    const themed = new MutationObserver(() => (terminal.options.theme = theme()));
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    again.current = open;
    open();
    return () => {
      shell?.leave();
      sized.disconnect();
      themed.disconnect();
      for (const each of hearing) each.dispose();
      terminal.dispose();
    };
  }, [path, more]);
  const ended = typeof state === "object";
  return (
    <div className="terminal">
      <div ref={box} className="terminal-box" role="group" aria-label={label} />
      <p className="terminal-foot" role="status">
        {state === "opening" && <State tone="wait">{t("parts.terminalOpening")}</State>}
        {state === "open" && <State tone="run">{t("parts.terminalOpen")}</State>}
        {ended && <Ended end={state} />}
        {ended && <Button onClick={() => again.current()}>{t("parts.terminalAgain")}</Button>}
        <span className="muted">{t("parts.terminalLeave")}</span>
      </p>
    </div>
  );
}

function Ended({ end }: { end: End }) {
  const t = useText();
  const say = useSaid();
  if (end.why === "closed") return <State tone="wait">{t("parts.terminalClosed", { reason: say(end.reason) })}</State>;
  if (end.why === "lost") return <State tone="bad">{t(end.opened ? "parts.terminalCut" : "parts.terminalNotOpened")}</State>;
  const text = end.code === null ? t("parts.terminalEnded") : t("parts.terminalExit", { code: end.code });
  return <State tone={end.code === 0 ? "ok" : "warn"}>{end.message && end.code !== 0 ? `${text} ${say(end.message)}` : text}</State>;
}

/** Tab belongs to the shell, so that another key must lead out (WCAG 2.1.2). */
function leaves(event: KeyboardEvent, element: HTMLElement): boolean {
  if (event.key !== "F6" || !event.ctrlKey) return false;
  if (event.type === "keydown") element.closest(".dock")?.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus();
  event.preventDefault();
  return true;
}

function made(element: HTMLElement): { terminal: Xterm; fit: FitAddon } {
  const terminal = new Xterm({
    fontFamily: token("--mono"), fontSize: 13, scrollback: 10_000, cursorBlink: false, screenReaderMode: true,
    minimumContrastRatio: 4.5, theme: theme(),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  whileStyledByScript(document, () => terminal.open(element));
  fit.fit();
  return { terminal, fit };
}

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The look's colours; xterm darkens or lightens those that would be too near to the ground. */
function theme(): ITheme {
  const [text, ground] = [token("--text"), token("--sunken")];
  return {
    background: ground, foreground: text, cursor: token("--accent"), cursorAccent: ground, selectionBackground: token("--line"),
    red: token("--fill-bad"), brightRed: token("--bad"), green: token("--fill-ok"), brightGreen: token("--ok"),
    yellow: token("--fill-warn"), brightYellow: token("--warn"), blue: token("--fill-run"), brightBlue: token("--info"),
  };
}
