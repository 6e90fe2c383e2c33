import { QueryClient } from "@tanstack/react-query";
import { Trouble } from "../api/problem";
import { watch } from "../api/watch";

/** What the server last said. The stream says what is old; nothing is asked for by the clock. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Infinity,
      retry: (tries, error) => tries < 3 && !(error instanceof Trouble && error.problem.status >= 400 && error.problem.status < 500),
    },
  },
});

watch.listen((told) => {
  if ("change" in told && told.change.topic === "change") {
    const { topic } = told.change.data as { topic: string };
    void queries.invalidateQueries({ queryKey: [topic] });
  }
  // What happened while the line was down is told again by the server, but not what was removed from its memory.
  if ("link" in told && told.link === "live") void queries.invalidateQueries();
});
