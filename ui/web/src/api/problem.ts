/** A problem document (RFC 9457) as the server sends it. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail?: string;
  hint?: string;
  errors?: { pointer: string; detail: string }[];
};

/** What went wrong, fit to be shown: the server's own words, or that there was no answer. */
export class Trouble extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }

  /** What is wrong with one input, by its JSON pointer. */
  at(pointer: string): string | undefined {
    return this.problem.errors?.find((error) => error.pointer === pointer)?.detail;
  }
}

const UNREACHABLE: Problem = { type: "urn:armilla:problem:unreachable", title: "unreachable", status: 0 };

/** The body of an answer, or the trouble it tells of. */
export async function settle<Body>(
  asked: Promise<{ data?: Body; error?: unknown; response: Response }>,
): Promise<{ body: Body; etag: string | null }> {
  const answer = await asked.catch(() => {
    throw new Trouble(UNREACHABLE);
  });
  if (answer.response.ok) return { body: answer.data as Body, etag: answer.response.headers.get("ETag") };
  throw new Trouble(isProblem(answer.error) ? answer.error : { ...UNREACHABLE, status: answer.response.status });
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "title" in value && "status" in value;
}
