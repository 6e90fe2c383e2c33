import { useState } from "react";
import { useText } from "../i18n";
import { shortened } from "./format";

/** Puts a value into the clipboard, and says so for two seconds. */
function CopyButton({ value, what }: { value: string; what: string }) {
  const t = useText();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <>
      <button type="button" className="copy" onClick={() => void copy()} aria-label={t("kit.copy", { what })}>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" /></svg>
      </button>
      <span role="status" className={copied ? "muted" : "unseen"}>{copied ? t("kit.copied") : ""}</span>
    </>
  );
}

type Props = {
  value: string;
  /** Characters that are shown of each end; all without it. */
  keep?: number;
  /** What it is, for those who do not see it: "digest". */
  what?: string;
};

/** A digest, address or version: shortened in the middle, copied whole. */
export function Copyable({ value, keep, what }: Props) {
  const short = keep ? shortened(value, keep) : value;
  return (
    <span className="copyable">
      <span className="mono" title={value}>{short}</span>
      <CopyButton value={value} what={what ?? short} />
    </span>
  );
}

/** The same by the command line, to be copied; or a line that is only there, under a title of its own. */
export function CopyAsCli({ command, title }: { command: string; title?: string }) {
  const t = useText();
  const called = title ?? t("kit.cli");
  return (
    <figure className="command">
      <figcaption>{called} <CopyButton value={command} what={called} /></figcaption>
      <pre tabIndex={0} aria-label={called}><code>{command}</code></pre>
    </figure>
  );
}
