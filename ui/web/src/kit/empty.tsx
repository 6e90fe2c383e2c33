import type { ReactNode } from "react";

/** Nothing yet: one sentence why, one thing to do. */
export function Empty({ why, children }: { why: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p>{why}</p>
      {children}
    </div>
  );
}
