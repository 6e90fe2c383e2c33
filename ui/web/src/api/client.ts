import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

/** The server's routes, typed by its own description. The session travels in a cookie; browsers say where a change comes from. */
export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: ask });

/** What `boot.js` asked for while the program was on its way is given once. */
function ask(request: Request): Promise<Response> {
  const path = request.url.slice(window.location.origin.length);
  const answer = request.method === "GET" ? window.early?.get(path) : undefined;
  window.early?.delete(path);
  return answer ?? fetch(request);
}

type Schemas = components["schemas"];
/** What the server speaks of, by its names for it. */
export type Of<Name extends keyof Schemas> = Schemas[Name];
/** One item of a list: `Item<"List_Run">`. */
export type Item<Name extends keyof Schemas> = Schemas[Name] extends { items: (infer One)[] } ? One : never;
