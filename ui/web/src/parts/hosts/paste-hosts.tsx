import "../parts.css";
import { useDeferredValue, useMemo } from "react";
import { useText } from "../../i18n";
import { Field } from "../../kit";
import { read } from "./paste";
import type { Reading } from "./pasted";

type Props = { value: string; onChange: (text: string) => void; autoFocus?: boolean; error?: string | undefined };

/** What was read out of a paste, without holding up whoever types. */
export function useReading(text: string): Reading {
  const settled = useDeferredValue(text);
  return useMemo(() => read(settled), [settled]);
}

/** Wrong lines that are shown; the others are counted. */
const SHOWN = 8;

/** Where hosts are named: addresses, ranges, a table, an SSH config. Says at once what was understood and what was not. */
export function PasteHosts({ value, onChange, autoFocus = false, error }: Props) {
  const t = useText();
  const { kind, hosts, wrong } = useReading(value);
  return (
    <>
      <Field label={t("parts.paste")} hint={t("parts.pasteHint")} value={value} onChange={onChange} lines={6} autoFocus={autoFocus} error={error} />
      <p role="status" className={hosts.length > 0 ? "" : "muted"}>{t("parts.understood", { count: hosts.length, kind: t(`parts.kind.${kind}`) })}</p>
      {wrong.length > 0 && (
        <ul className="wrong" aria-label={t("parts.notUnderstood")}>
          {wrong.slice(0, SHOWN).map((flaw) => (
            <li key={`${flaw.line} ${flaw.text}`}>
              <span className="mono" title={flaw.text}>{flaw.text.length > 48 ? `${flaw.text.slice(0, 48)}…` : flaw.text}</span>{" "}
              {flaw.line > 0 ? t("parts.wrongAt", { line: flaw.line, why: t(`parts.wrong.${flaw.why}`) }) : t(`parts.wrong.${flaw.why}`)}
            </li>
          ))}
          {wrong.length > SHOWN && <li>{t("parts.wrongMore", { count: wrong.length - SHOWN })}</li>}
        </ul>
      )}
    </>
  );
}
