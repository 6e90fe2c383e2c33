import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/data";
import { router } from "./app/router";
import { activate, language } from "./i18n";
import "./kit/base";
import "./kit/tokens.css";
import "./kit/kit.css";
import "./app/shell.css";

// All that the first page needs is asked for at once: on a slow link each round that waits for another one is felt. Drawn is what is
// complete, over the shell that stands there: React holds whatever follows a placeholder back for 300 ms.
for (const route of router.getMatchedRoutes(router.latestLocation.pathname)[0]) void router.loadRouteChunk(route);
await Promise.all([activate(language()), router.load()]);
const root = document.getElementById("root");
if (!root) throw new Error("the page has no root");
createRoot(root).render(
  <StrictMode>
    <I18nProvider i18n={i18n}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </I18nProvider>
  </StrictMode>,
);
