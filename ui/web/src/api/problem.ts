import type { Of } from "./client";

/** A problem document (RFC 9457) as the server sends it. */
export type Problem = Of<"Problem">;

/** What went wrong, fit to be shown: the server's own words, or that there was no answer. */
export class Trouble extends Error {
  constructor(
    readonly problem: Problem,
    /** Unix milliseconds: before then the server does not look at another try (`Retry-After`). */
    readonly notBefore?: number,
  ) {
    super(problem.detail || problem.title);
  }

  /** The last word of its type: `not-found`, `login-needed`. */
  get kind(): string {
    return this.problem.type.split(":").at(-1) ?? "";
  }

  /** What is wrong with one input, by its JSON pointer. */
  at(pointer: string): string | undefined {
    return this.problem.errors?.find((error) => error.pointer === pointer)?.detail;
  }
}

/** There was no answer, or none that this program gives. */
export const unreachable = (status = 0): Trouble =>
  new Trouble({ type: "urn:armilla:problem:unreachable", title: "unreachable", status, detail: "" });

/** What openapi-fetch gives for a request. */
export type Asked<Body> = Promise<{ data?: Body; error?: unknown; response: Response }>;

/** The body of an answer, or the trouble it tells of. */
export async function settle<Body>(asked: Asked<Body>): Promise<{ body: Body; etag: string | null }> {
  const answer = await asked.catch(() => {
    throw unreachable();
  });
  if (answer.response.ok) return { body: answer.data as Body, etag: answer.response.headers.get("ETag") };
  throw isProblem(answer.error) ? new Trouble(answer.error, notBefore(answer.response.headers)) : unreachable(answer.response.status);
}

/** The server says seconds; RFC 9110's dates it does not use. */
function notBefore(headers: Headers): number | undefined {
  const seconds = Number(headers.get("Retry-After") ?? "");
  return seconds > 0 ? Date.now() + seconds * 1000 : undefined;
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "title" in value && "status" in value;
}
