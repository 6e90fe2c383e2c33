import type { ReactNode } from "react";
import { api } from "../../api/client";
import { useList } from "../../api/data";
import { useText } from "../../i18n";
import { ButtonLink, CopyAsCli, State } from "../../kit";

/** The way to the first cluster: three steps, and a button at the one that is next. */
export function First() {
  const t = useText();
  const bundles = useList("bundles", (query) => api.GET("/api/v1/bundles", { params: { query } }));
  const has = (bundles.rows?.length ?? 0) > 0;
  return (
    <>
      <p className="muted">{t("dashboard.first")}</p>
      <ol className="first">
        <Step number={1} title={t("dashboard.step1")} what={t("dashboard.step1What")} next={!has}>
          {has ? <State tone="ok">{t("dashboard.done")}</State> : <ButtonLink to="/bundles" kind="primary">{t("dashboard.toBundles")}</ButtonLink>}
        </Step>
        <Step number={2} title={t("dashboard.step2")} what={t("dashboard.step2What")} next={has}>
          {has && <ButtonLink to="/install" kind="primary">{t("dashboard.install")}</ButtonLink>}
        </Step>
        <Step number={3} title={t("dashboard.step3")} what={t("dashboard.step3What")} />
      </ol>
      <p className="muted">{t("dashboard.orCli")}</p>
      <CopyAsCli command="armilla apply -s site.yaml -b armilla.bundle" />
    </>
  );
}

type StepProps = { number: number; title: string; what: string; next?: boolean; children?: ReactNode };

function Step({ number, title, what, next = false, children }: StepProps) {
  return (
    <li {...(next && { "aria-current": "step" })}>
      <span className="first-number" aria-hidden="true">{number}</span>
      <h2>{title}</h2>
      <p className="muted">{what}</p>
      {children}
    </li>
  );
}
