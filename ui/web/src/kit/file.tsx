import { useId, useRef, useState, type ChangeEvent, type DragEvent } from "react";
import { useText } from "../i18n";

/** The files that were chosen; the same ones may be chosen again. */
function taken(event: ChangeEvent<HTMLInputElement>): File[] {
  const files = [...(event.target.files ?? [])];
  event.target.value = "";
  return files;
}

/** What makes an element take files that are dropped on it; `over` while some are held above. */
export function useDrop(onFiles: (files: File[]) => void) {
  const [over, setOver] = useState(false);
  // Every child that is entered and left says so too.
  const depth = useRef(0);
  const go = (to: number) => {
    depth.current = Math.max(0, to);
    setOver(depth.current > 0);
  };
  const carries = ({ dataTransfer }: DragEvent) => dataTransfer.types.includes("Files");
  const drop = {
    onDragEnter: (event: DragEvent) => carries(event) && go(depth.current + 1),
    onDragLeave: (event: DragEvent) => carries(event) && go(depth.current - 1),
    onDragOver: (event: DragEvent) => carries(event) && event.preventDefault(),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      go(0);
      const files = [...event.dataTransfer.files];
      if (files.length > 0) onFiles(files);
    },
  };
  return { over, drop };
}

type ChoiceProps = { text: string; onFile: (file: File) => void; accept?: string };

/** Chooses one file, beside an input that it fills. A button in the language of the page: the browser's own speaks that of the browser. */
export function FileChoice({ text, onFile, accept }: ChoiceProps) {
  const id = useId();
  const { over, drop } = useDrop(([file]) => file && onFile(file));
  return (
    <span className={over ? "file-choice over" : "file-choice"} {...drop}>
      <input id={id} type="file" className="unseen" accept={accept} onChange={(event) => {
        const [file] = taken(event);
        if (file) onFile(file);
      }} />
      <label htmlFor={id} className="quiet">{text}</label>
    </span>
  );
}

type FieldProps = {
  label: string;
  /** Names of those that were taken; nothing yet: empty. */
  names: readonly string[];
  onFiles: (files: File[]) => void;
  multiple?: boolean;
  accept?: string;
  error?: string | undefined;
  hint?: string;
};

/** A labelled input for files: a button, the names of what was chosen, and the place to drop them on. */
export function FileField({ label, names, onFiles, multiple = false, accept, error, hint }: FieldProps) {
  const t = useText();
  const id = useId();
  const { over, drop } = useDrop((files) => onFiles(multiple ? files : files.slice(0, 1)));
  const part = (name: string) => `${id}-${name}`;
  const described = [part("names"), error && part("error"), hint && part("hint")].filter(Boolean).join(" ");
  const count = multiple ? 2 : 1;
  return (
    <div className="field">
      <span id={part("label")} className="field-label">{label}</span>
      <div className={over ? "file-field over" : "file-field"} {...drop}>
        <input id={id} type="file" className="unseen" multiple={multiple} accept={accept} aria-labelledby={`${part("label")} ${part("button")}`} aria-describedby={described}
          aria-invalid={error ? true : undefined} onChange={(event) => {
            const files = taken(event);
            if (files.length > 0) onFiles(files);
          }} />
        <label id={part("button")} htmlFor={id} className="quiet">{t("kit.chooseFile", { count })}</label>
        <span id={part("names")} role="status" className={names.length > 0 ? "file-names" : "muted"}>{names.length > 0 ? names.join(t("kit.listed")) : t("kit.dropFile", { count })}</span>
      </div>
      {error && <p id={part("error")} className="field-error" role="alert">{error}</p>}
      {hint && <p id={part("hint")} className="muted">{hint}</p>}
    </div>
  );
}
