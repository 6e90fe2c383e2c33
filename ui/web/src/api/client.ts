import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

/** The server's routes, typed by its own description. The session travels in a cookie; browsers say where a change comes from. */
export const api = createClient<paths>({ baseUrl: window.location.origin });

type Schemas = components["schemas"];
/** What the server speaks of, by its names for it. */
export type Of<Name extends keyof Schemas> = Schemas[Name];
/** One item of a list: `Item<"List_Run">`. */
export type Item<Name extends keyof Schemas> = Schemas[Name] extends { items: (infer One)[] } ? One : never;
