import { useEffect, useId, useRef, useState, type ReactNode } from "react";

type Props = {
  /** What stands on the button; `label` says it to those who do not see it. */
  button: ReactNode;
  label: string;
  /** Drawn under the button while it is open; `close` shuts it. */
  children: (close: () => void) => ReactNode;
};

/** A button with something small under it: a few links, a choice. Escape and a click elsewhere close it. */
export function Popup({ button, label, children }: Props) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => !box.current?.contains(event.target as Node) && setOpen(false);
    const key = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      opener.current?.focus();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    document.addEventListener("keydown", key);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      document.removeEventListener("keydown", key);
    };
  }, [open]);
  return (
    <div className="popup" ref={box}>
      <button ref={opener} type="button" className="quiet" aria-label={label} aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        {button}
      </button>
      <div id={id} className="popup-body" hidden={!open}>{open && children(() => setOpen(false))}</div>
    </div>
  );
}
