/** What routes hang from: `inside` is for those who are logged in. */
import { createRootRoute, createRoute, redirect } from "@tanstack/react-router";
import { queries } from "../api/data";
import { Trouble } from "../api/problem";
import { entrance, me } from "../api/session";

export const root = createRootRoute();

/** Lets nobody in who is not logged in; the way in brings them back to where they wanted to go. */
export const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  beforeLoad: async ({ location }) => {
    try {
      await queries.ensureQueryData(me);
    } catch (error) {
      if (!(error instanceof Trouble && error.kind === "login-needed")) throw error;
      const { setup } = await queries.fetchQuery({ ...entrance, staleTime: 0 });
      throw redirect({ to: setup ? "/welcome" : "/login", search: { next: location.href } });
    }
  },
});

/** One entry of the navigation. */
export type Nav = {
  to: string;
  /** The text's id. */
  text: string;
  group: "overview" | "install" | "platform";
  /** Its place among those of the group. */
  order: number;
  /** Whom it is shown to, beside those above them. */
  role?: "operator" | "admin";
};
