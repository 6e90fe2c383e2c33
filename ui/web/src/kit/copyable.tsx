import { useState } from "react";
import { useText } from "../i18n";

type Props = { value: string; /** Characters left at each end; the whole when absent. */ keep?: number };

/** A digest, address or command: shortened in the middle, copied whole. */
export function Copyable({ value, keep }: Props) {
  const t = useText();
  const [copied, setCopied] = useState(false);
  const short = keep && value.length > 2 * keep + 1 ? `${value.slice(0, keep)}…${value.slice(-keep)}` : value;
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <span className="copyable mono" title={value}>
      {short}
      <button type="button" className="copy" onClick={copy} aria-label={t("kit.copy", { what: short })}>
        {copied ? t("kit.copied") : "⧉"}
      </button>
    </span>
  );
}
