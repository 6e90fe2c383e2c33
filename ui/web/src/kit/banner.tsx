import { AlertIcon } from "@patternfly/react-core/dist/esm/components/Alert/AlertIcon";
import type { ReactNode } from "react";
import { useText } from "../i18n";

type Props = { tone: "info" | "success" | "warning" | "danger"; title: string; children?: ReactNode };

/**
 * What is, then what to do. Read out when it appears. The kit's own component would bring what places a tooltip, a sixth of all that
 * the first page is made of, for titles that are cut off: ours are not.
 */
export function Banner({ tone, title, children }: Props) {
  const t = useText();
  return (
    <div className={`pf-v6-c-alert pf-m-inline pf-m-${tone}`} aria-live="polite" aria-atomic="false">
      <AlertIcon variant={tone} />
      <p className="pf-v6-c-alert__title"><span className="pf-v6-screen-reader">{t(`kit.tone.${tone}`)}</span>{title}</p>
      {children && <div className="pf-v6-c-alert__description">{children}</div>}
    </div>
  );
}
