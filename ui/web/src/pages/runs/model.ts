/** What the server sends of plans and runs, as `installer/model` has it. Only what is shown is named. */

export * from "../../parts/plan/model";

export type Failure = { what: string; evidence: string[]; hint: string | null; exit_code: number };
export type Seal = { length: number; dropped?: number };
export type Outcome = "healthy" | "degraded" | "failed" | "cancelled" | "abandoned";

/** One event of a run; `index` is its number in the ledger. A type that is not here is kept and not understood. */
export type Record_ = { index: number; at: number; run: string; event: Event };
export type Event =
  | { type: "runStarted"; plan: string }
  | { type: "findingWaived"; observed: string; host: string | null; waiver: { reason?: string; by?: string } }
  | { type: "runResumed" }
  | { type: "stepStarted"; step: string; attempt: number }
  | { type: "stepMet"; step: string; attempt: number }
  | { type: "stepDone"; step: string; attempt: number; output?: Seal }
  | { type: "stepFailed"; step: string; attempt: number; failure: Failure; output?: Seal }
  | { type: "hostDropped"; host: string; step: string }
  | { type: "hostRetried"; host: string; steps: string[] }
  | { type: "runCancelled" }
  | { type: "runEnded"; outcome: Outcome }
  | { type: "unknown" };

/** How far an act is; may be lost. */
export type Progress = { run: string; step: string; attempt: number; bytesDone: number; bytesTotal: number | null; note: string | null };

/** The host of a step is the first part of its id, the phase its second: `<host>/<phase>/<word>`. */
export const hostOf = (step: string): string => step.split("/")[0] ?? "";
export const phaseOf = (step: string): string => step.split("/")[1] ?? "";
