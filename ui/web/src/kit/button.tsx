import { Button as Below } from "@patternfly/react-core/dist/esm/components/Button";
import { createLink } from "@tanstack/react-router";
import { forwardRef, type ComponentProps, type ReactNode } from "react";

type Kind = "primary" | "secondary" | "danger" | "plain";

type Props = {
  children: ReactNode;
  onClick?: () => void;
  /** primary: the one thing that the page is for; danger: what cannot be taken back. */
  kind?: Kind;
  type?: "button" | "submit";
  busy?: boolean;
  disabled?: boolean;
  autoFocus?: boolean;
  label?: string;
};

/** Says with a verb what it does. While it is busy it stays where it is and cannot be pressed again. */
export function Button({ children, kind = "secondary", type = "button", busy = false, disabled = false, autoFocus, label, onClick }: Props) {
  const extra: Partial<ComponentProps<typeof Below>> = {};
  if (onClick) extra.onClick = onClick;
  if (label) extra["aria-label"] = label;
  if (autoFocus) extra.autoFocus = true;
  return (
    <Below variant={kind} type={type} isDisabled={disabled || busy} isLoading={busy} {...extra}>
      {children}
    </Below>
  );
}

type AnchorProps = Omit<ComponentProps<"a">, "ref"> & { kind?: Kind };

const Anchor = forwardRef<HTMLAnchorElement, AnchorProps>(function Anchor({ kind = "secondary", className, ...rest }, ref) {
  return <a ref={ref} {...rest} className={`pf-v6-c-button pf-m-${kind} ${className ?? ""}`} />;
});

/** Leads to a page of ours and looks like a button. */
export const ButtonLink = createLink(Anchor);
/** Leads out of the application, such as to a file. */
export const ButtonAnchor = Anchor;
