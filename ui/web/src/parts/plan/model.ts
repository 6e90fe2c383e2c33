/** What the server sends of plans, as `installer/model` has it. Only what is shown is named. */

/** The verbs of the story, in the order in which people read a plan (`installer/model/src/plan.rs`). */
export const PHASES = ["prepare", "place", "start", "import", "found", "join", "equip", "prove", "leave", "clean"] as const;
export type Phase = (typeof PHASES)[number];

export type Step = { id: string; phase: Phase; wave: number; host: string; action: Action; after: string[]; quorum_critical: boolean };
export type Plan = { id: string; site: string; release: string; intent: Intent; steps: Step[]; report: string[] };
export type Intent = "install" | "reset" | { resetHosts: string[] };

type Blob = { size: number; digest: string };
type Image = { manifest: Blob; config: Blob; layers: Blob[] };
type File = { source: unknown };
/** By its kind; a kind that this page does not know is shown by its name. */
export type Action = {
  kind: string;
  names?: string[];
  values?: Record<string, string>;
  title?: string;
  unit?: string;
  running?: boolean;
  files?: File[];
  images?: Image[];
  addon?: string;
  phase?: string;
  node?: string;
  founder?: string;
  name?: string;
  condition?: Condition;
  units?: string[];
};
export type Condition = "apiReady" | { nodeReady: string } | { rolledOut: { kind: string; namespace: string; name: string } } | { apiServiceAvailable: string };
