/** What a draft holds, and how it is read back. */
import type { Of } from "../../api/client";
import { isStep, type Step } from "./steps";

export type Draft = {
  /** `site.yaml`. */
  text: string;
  /** Id of a bundle. */
  bundle?: string;
  step: Step;
  /** What was pasted as hosts, as it was typed. */
  paste: string;
  /** Somebody gave the roles by hand. */
  ownRoles: boolean;
  /** What an import does not carry. */
  imported?: Pick<Of<"ImportDraft">, "format" | "report">;
};

/** Whatever stands in a draft, also one that another version wrote. */
export function readDraft(content: unknown): Draft {
  const kept = (typeof content === "object" && content !== null ? content : {}) as Record<string, unknown>;
  const text = (key: string) => (typeof kept[key] === "string" ? kept[key] : "");
  return {
    text: text("text"),
    ...(text("bundle") && { bundle: text("bundle") }),
    step: isStep(kept.step) ? kept.step : "bundle",
    paste: text("paste"),
    ownRoles: kept.ownRoles === true,
    ...(typeof kept.imported === "object" && kept.imported !== null && { imported: kept.imported as NonNullable<Draft["imported"]> }),
  };
}
