import { locale, useText } from "../../i18n";
import { bytes } from "../../kit";

/** From this share on it is drawn as a warning. */
const HIGH = 0.8;

type Props = {
  /** What it is of, for those who do not see it. */
  label: string;
  used: number | null | undefined;
  total: number;
  /** A figure with its unit. */
  say: (amount: number) => string;
  /** Why nothing is known. */
  unknown?: string;
};

/** How much of what there is is used, as a bar and in words. */
export function Meter({ label, used, total, say, unknown }: Props) {
  const t = useText();
  if (used == null || total <= 0) return <span className="meter"><span className="meter-text">{t("clusters.meterTotal", { total: say(total) })} <span className="muted">{unknown}</span></span></span>;
  const share = Math.min(1, used / total);
  const percent = new Intl.NumberFormat(locale(), { style: "percent" }).format(share);
  return (
    <span className="meter">
      <span className={share >= HIGH ? "meter-bar meter-high" : "meter-bar"} role="img" aria-label={`${label}: ${percent}`}>
        <span style={{ width: `${share * 100}%` }} />
      </span>
      <span className="meter-text num">{t("clusters.meterUsed", { used: say(used), total: say(total), percent })}</span>
    </span>
  );
}

/** `0.15`, `4`: CPUs out of thousandths. */
export const cpus = (millis: number): string => new Intl.NumberFormat(locale(), { maximumFractionDigits: millis < 10_000 ? 2 : 0 }).format(millis / 1000);
export const size = (count: number): string => bytes(count, locale()).join(" ");
export const count = (number: number): string => new Intl.NumberFormat(locale()).format(number);

/** A bar without words, for a row of a table whose words stand beside it. */
export function Share({ used, total, label }: { used: number | null | undefined; total: number; label: string }) {
  const t = useText();
  if (used == null || total <= 0) return <span title={t("clusters.noMetrics")}>–</span>;
  const share = Math.min(1, used / total);
  const percent = new Intl.NumberFormat(locale(), { style: "percent" }).format(share);
  return (
    <span className="share" title={`${label}: ${percent}`}>
      <span className={share >= HIGH ? "meter-bar meter-high" : "meter-bar"} aria-hidden="true"><span style={{ width: `${share * 100}%` }} /></span>
      <span className="num">{percent}</span>
    </span>
  );
}
