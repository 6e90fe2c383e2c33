/** The way from nothing to a plan, in order. */
export const STEPS = ["bundle", "hosts", "roles", "options", "preflight", "review"] as const;
export type Step = (typeof STEPS)[number];

export const isStep = (word: unknown): word is Step => STEPS.some((step) => step === word);
export const after = (step: Step): Step => STEPS[STEPS.indexOf(step) + 1] ?? step;
export const before = (step: Step): Step | undefined => STEPS[STEPS.indexOf(step) - 1];

/** What a step needs of those before it; the first that is missing. */
export function missing(step: Step, { bundle, hosts }: { bundle: boolean; hosts: boolean }): Step | undefined {
  if (step === "bundle" || step === "hosts") return undefined;
  if (!hosts) return "hosts";
  return (step === "preflight" || step === "review") && !bundle ? "bundle" : undefined;
}

/** A name for a new site that none has: `site-1`. */
export function freeName(taken: readonly string[]): string {
  let number = 1;
  while (taken.includes(`site-${number}`)) number += 1;
  return `site-${number}`;
}
