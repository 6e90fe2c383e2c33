import { createRoute, createRouter } from "@tanstack/react-router";
import { doors } from "./doors";
import { inside, root } from "./frame";
import { routes } from "./areas";
import { Broken, NotFound } from "./pages";
import { Shell } from "./shell";

// Set here and not where it is made: the shell's navigation needs the areas, and the areas' routes hang from it.
inside.update({ component: Shell });

/** Whatever else: the 404 stands in the shell, so that one can go on from it. */
const elsewhere = createRoute({ getParentRoute: () => inside, path: "$", component: NotFound });

export const router = createRouter({
  routeTree: root.addChildren([...doors, inside.addChildren([...routes, elsewhere])]),
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  scrollRestoration: false,
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: Broken,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
