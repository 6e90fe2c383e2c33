import { useEffect, useRef, type ReactNode } from "react";
import { useText } from "../i18n";
import { Button } from "./button";

type Props = { title: string; onClose: () => void; children: ReactNode };

/** Details at the right, beside the page they belong to. Takes the focus when it opens; Escape closes it and gives the focus back. */
export function Drawer({ title, onClose, children }: Props) {
  const t = useText();
  const box = useRef<HTMLElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const before = document.activeElement;
    box.current?.focus();
    const key = (event: KeyboardEvent) => event.key === "Escape" && !event.defaultPrevented && close.current();
    const element = box.current;
    element?.addEventListener("keydown", key);
    return () => {
      element?.removeEventListener("keydown", key);
      // What opened it may be drawn by SVG.
      if ((before instanceof HTMLElement || before instanceof SVGElement) && before.isConnected) before.focus();
    };
  }, []);
  return (
    <aside ref={box} className="drawer" aria-label={title} tabIndex={-1}>
      <header className="page-head">
        <h2>{title}</h2>
        <Button kind="plain" label={t("kit.close")} onClick={onClose}><span aria-hidden="true">✕</span></Button>
      </header>
      {children}
    </aside>
  );
}
