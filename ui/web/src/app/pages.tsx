import { useRouter, type ErrorComponentProps } from "@tanstack/react-router";
import { Trouble } from "../api/problem";
import { useText } from "../i18n";
import { ButtonLink, CopyAsCli, EmptyState, Page, Problem } from "../kit";

/** 404: of the application's own paths, and of what the server does not have. */
export function NotFound() {
  const t = useText();
  return (
    <Page title={t("app.notFound")}>
      <EmptyState why={t("app.notFoundWhy", { path: window.location.pathname })}>
        <ButtonLink to="/" kind="primary">{t("app.toDashboard")}</ButtonLink>
      </EmptyState>
    </Page>
  );
}

/** What a page cannot be drawn for: no right (403), no such thing (404), no answer, or a fault of ours. */
export function Broken({ error, reset }: ErrorComponentProps) {
  const t = useText();
  const router = useRouter();
  const kind = error instanceof Trouble ? error.kind : "";
  if (kind === "not-found") return <NotFound />;
  const title = kind === "forbidden" ? "app.forbidden" : kind === "unreachable" ? "app.offline" : "app.broken";
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <div className="broken">
      <Page title={t(title)}>
        <Problem error={error as Error} title={t(title)} retry={retry} />
        {title === "app.broken" && (
          <>
            <p>{t("app.brokenWhy")}</p>
            <CopyAsCli title={t("app.brokenLog")} command="journalctl -u armilla --since -10m" />
            <div className="row"><ButtonLink to="/">{t("app.toDashboard")}</ButtonLink></div>
          </>
        )}
      </Page>
    </div>
  );
}
