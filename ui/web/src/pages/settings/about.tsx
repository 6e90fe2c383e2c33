import { useQuery } from "@tanstack/react-query";
import { api } from "../../api/client";
import { useRead } from "../../api/data";
import { entrance } from "../../api/session";
import { useText } from "../../i18n";
import { ButtonAnchor, Copyable, Facts, Page, Problem, Section, Skeleton } from "../../kit";
import { Support } from "./support";
import "./settings.css";

/** What this instance is, how it is recognised, and what to give to somebody who helps. */
export function About() {
  const t = useText();
  const version = useRead(["instance", "version"], () => api.GET("/api/v1/version"));
  const door = useQuery(entrance);
  if (!version.data) return <Page title={t("settings.about")}>{version.error ? <Problem error={version.error} retry={() => void version.refetch()} /> : <Skeleton />}</Page>;
  const fingerprint = door.data?.fingerprint;
  return (
    <Page title={t("settings.about")}>
      <Facts of={[
        [t("settings.version"), <span key="version" className="mono">{version.data.version}</span>],
        [t("settings.ledger"), <Copyable key="ledger" value={version.data.ledger} keep={8} what={t("settings.ledger")} />],
        [t("settings.address"), <span key="address" className="mono">{window.location.host}</span>],
        [t("settings.licence"), "Apache-2.0"],
      ]} />
      <Section title={t("settings.authority")}>
        <p className="muted">{t("settings.authorityWhy")}</p>
        {fingerprint && <p className="secret"><Copyable value={fingerprint} what={t("settings.fingerprint")} /></p>}
        <div className="row"><ButtonAnchor href="/ca.pem" download="armilla-ca.pem">{t("settings.authorityGet")}</ButtonAnchor></div>
      </Section>
      <Section title={t("settings.interfaces")}>
        <ul className="plain">
          <li><a href="/openapi.json">{t("settings.openapi")}</a></li>
          <li><a href="/metrics">{t("settings.metrics")}</a></li>
        </ul>
      </Section>
      <Support />
    </Page>
  );
}
