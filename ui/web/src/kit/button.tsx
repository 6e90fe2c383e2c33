import { Button as Below } from "@patternfly/react-core/dist/esm/components/Button";
import type { ComponentProps, ReactNode } from "react";

type Props = {
  children: ReactNode;
  onClick?: () => void;
  /** primary: the one thing that the page is for; danger: what cannot be taken back. */
  kind?: "primary" | "secondary" | "danger" | "plain";
  type?: "button" | "submit";
  busy?: boolean;
  disabled?: boolean;
  label?: string;
};

/** Says with a verb what it does. While it is busy it stays where it is and cannot be pressed again. */
export function Button({ children, kind = "secondary", type = "button", busy = false, disabled = false, label, onClick }: Props) {
  const extra: Partial<ComponentProps<typeof Below>> = {};
  if (onClick) extra.onClick = onClick;
  if (label) extra["aria-label"] = label;
  return (
    <Below variant={kind} type={type} isDisabled={disabled || busy} isLoading={busy} {...extra}>
      {children}
    </Below>
  );
}

/** A link that looks like a button. */
export function LinkButton({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Below variant="secondary" component="a" href={href}>
      {children}
    </Below>
  );
}
