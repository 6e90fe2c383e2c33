import type { ReactNode } from "react";

/** Nothing yet: one sentence why, one thing to do. */
export function EmptyState({ why, children }: { why: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <svg viewBox="0 0 48 48" width="48" height="48" aria-hidden="true">
        <circle cx="24" cy="24" r="20" /><ellipse cx="24" cy="24" rx="20" ry="7" />
        <ellipse cx="24" cy="24" rx="7" ry="20" transform="rotate(23.4 24 24)" />
      </svg>
      <p>{why}</p>
      {children}
    </div>
  );
}
