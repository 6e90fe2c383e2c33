/** What a draft holds, and how it is read back. */
import type { Of } from "../../api/client";
import type { Strength } from "../../parts/site/surveyed";
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
  /** What was seen of hosts, by their addresses. */
  strengths?: Record<string, Strength>;
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
    ...(typeof kept.strengths === "object" && kept.strengths !== null && { strengths: strengths(kept.strengths) }),
    ...(typeof kept.imported === "object" && kept.imported !== null && { imported: kept.imported as NonNullable<Draft["imported"]> }),
  };
}

function strengths(kept: object): Record<string, Strength> {
  const number = (of: unknown, key: string) => {
    const value: unknown = typeof of === "object" && of !== null ? (of as Record<string, unknown>)[key] : undefined;
    return typeof value === "number" ? { [key]: value } : {};
  };
  return Object.fromEntries(Object.entries(kept).map(([address, of]) => [address, { ...number(of, "cpus"), ...number(of, "memory") }]));
}
