import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import type { ReactNode } from "react";

type Props = { tone: "info" | "success" | "warning" | "danger"; title: string; children?: ReactNode };

/** What is, then what to do. Read out when it appears. */
export function Banner({ tone, title, children }: Props) {
  return (
    <Alert variant={tone} title={title} isInline isLiveRegion component="p">
      {children}
    </Alert>
  );
}
