import type { ReactNode } from "react";
import { Skeleton, Stale } from "../../kit";

type Props = {
  title: string;
  /** The one figure; nothing while it is not known yet. */
  figure: ReactNode;
  tone?: "ok" | "bad" | "warn" | "run" | undefined;
  /** When what is shown was true, where the last try to read it failed. Unix milliseconds. */
  staleAt?: number | undefined;
  loading?: boolean;
  children?: ReactNode;
};

/** One thing to know, with what it is made of under it. */
export function Tile({ title, figure, tone, staleAt, loading = false, children }: Props) {
  return (
    <section className={tone ? `tile tile-${tone}` : "tile"} aria-label={title}>
      <header><h2>{title}</h2>{staleAt ? <Stale at={staleAt} /> : null}</header>
      {loading ? <Skeleton rows={2} /> : <><p className="tile-figure">{figure}</p>{children}</>}
    </section>
  );
}
