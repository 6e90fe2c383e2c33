import type { ReactNode } from "react";
import { CopyAsCli } from "../../kit";
import { ownSecrets } from "../../parts/hosts";
import type { SiteView } from "../../parts/site/text";
import { fileOf, useBundles } from "./bundles";
import type { Draft } from "./kept";
import type { Flaws } from "./site";
import type { Step } from "./steps";

/** What every step is given. */
export type StepProps = {
  site: string;
  draft: Draft;
  view: SiteView;
  flaws: Flaws;
  change: (part: Partial<Draft>) => void;
  /** To the next step, or to a named one. */
  go: (step?: Step) => void;
  /** The buttons at a step's end: the way back, and what leads on. */
  foot: (next: ReactNode) => ReactNode;
};

/** The same by the command line, from the text beside it. */
export function Twin({ verb, draft, view: read }: { verb: string } & Pick<StepProps, "draft" | "view">) {
  const { rows } = useBundles();
  const variables = [read.at("ssh", "password", "env"), read.at("ssh", "passphrase", "env"), read.at("sudo", "password", "env"), ...ownSecrets(read).map(({ from }) => from).filter((from) => /^\w+$/.test(from))].filter(Boolean);
  const before = variables.map((name) => `${name}=… `).join("");
  return <CopyAsCli command={`${before}armilla ${verb} -s site.yaml -b ${fileOf(rows?.find(({ id }) => id === draft.bundle))}`} />;
}
