import type { Trouble } from "../../api/problem";

export type Doing = "sending" | "finishing";

/** Refusals of the place to go on at, without progress in between, after which somebody else is taken to send it. */
const PATIENCE = 4;

/**
 * What to do after trouble with an upload. Time mends a line that is down, a server that starts again, a session that ended and
 * is begun anew; another sender's progress is asked for, and left alone when it is always ahead of ours. The rest is for somebody
 * to mend. No trouble of the server's: the file itself cannot be read.
 */
export function after(trouble: Trouble | undefined, doing: Doing, refused: number): "again" | "elsewhere" | "failed" {
  if (!trouble) return "failed";
  if (trouble.kind === "conflict" && doing === "sending") return refused < PATIENCE ? "again" : "elsewhere";
  const { status } = trouble.problem;
  return status === 0 || status >= 502 || trouble.kind === "login-needed" || trouble.kind === "slow-request" ? "again" : "failed";
}
