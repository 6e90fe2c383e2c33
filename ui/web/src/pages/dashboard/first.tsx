import { Link } from "@tanstack/react-router";
import { api } from "../../api/client";
import { useList } from "../../api/data";
import { useText } from "../../i18n";
import { ButtonLink, CopyAsCli, EmptyState, State } from "../../kit";

/** The way to the first cluster: three steps, each with where it is done. */
export function First() {
  const t = useText();
  const bundles = useList("bundles", (query) => api.GET("/api/v1/bundles", { params: { query } }));
  const has = (bundles.rows?.length ?? 0) > 0;
  return (
    <EmptyState why={t("dashboard.first")}>
      <ol className="steps">
        <li>{t("dashboard.step1")} {has ? <State tone="ok">{t("dashboard.done")}</State> : <Link to="/bundles">{t("dashboard.toBundles")}</Link>}</li>
        <li>{t("dashboard.step2")}</li>
        <li>{t("dashboard.step3")}</li>
      </ol>
      {has ? <Install /> : <ButtonLink to="/bundles" kind="primary">{t("dashboard.toBundles")}</ButtonLink>}
      <CopyAsCli command="armilla apply -s site.yaml -b armilla.bundle" />
    </EmptyState>
  );
}

function Install() {
  const t = useText();
  return <ButtonLink to="/install" kind="primary">{t("dashboard.install")}</ButtonLink>;
}
