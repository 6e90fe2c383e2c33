import { useSuspenseQuery } from "@tanstack/react-query";
import { api } from "./client";
import { queries, reading } from "./data";
import { settle } from "./problem";
import { watch } from "./watch";

/** Who is logged in, and what they may. */
export const me = reading(["instance", "me"], () => api.GET("/api/v1/me"));
/** What the instance says to those who are not logged in. */
export const entrance = reading(["instance", "entrance"], () => api.GET("/api/v1/entrance"));

export async function logIn(user: string, password: string): Promise<void> {
  await settle(api.POST("/api/v1/sessions", { body: { user, password } }));
  await queries.invalidateQueries();
}

/** Makes the first administrator and logs them in. */
export async function setUp(code: string, user: string, password: string): Promise<void> {
  await settle(api.POST("/api/v1/setup", { body: { code, user, password } }));
  await logIn(user, password);
}

/** Leaves nothing of what was seen in this browser's memory. */
export async function logOut(): Promise<void> {
  await settle(api.POST("/api/v1/logout"));
  watch.close();
  queries.clear();
}

/** Whether the user's role is this one or above it. */
export function useMay(role: "operator" | "admin"): boolean {
  const { data } = useSuspenseQuery(me);
  const ranks = ["viewer", "operator", "admin"];
  return ranks.indexOf(data.role) >= ranks.indexOf(role);
}
