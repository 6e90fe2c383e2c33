import type { Tone } from "./state";

type Props = {
  /** From 0 to `of`. */
  value: number;
  of: number;
  /** What goes on: "Upload of armilla.bundle". */
  label: string;
  tone?: Tone;
};

/** How far something is, as a bar; the figures stand beside it. */
export function Progress({ value, of, label, tone = "run" }: Props) {
  const percent = of > 0 ? Math.min(100, (100 * value) / of) : 0;
  return (
    <div className={`progress progress-${tone}`} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.floor(percent)}>
      <div style={{ width: `${percent}%` }} />
    </div>
  );
}
