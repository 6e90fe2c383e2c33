import type { Of } from "../../api/client";
import { useText } from "../../i18n";
import { Banner, ButtonLink } from "../../kit";
import { HostKeys, isAsked, Obstacles } from "../../parts/hosts";
import { useSaid } from "../../said";

/** What a scan found in the way, each with its own fix; after a fix the hosts are tried again. */
export function Scanned({ site, scan, again }: { site: string; scan: Of<"Scan">; again: () => void }) {
  const t = useText();
  const say = useSaid();
  if (scan.reached) return <Banner tone="success" title={t("hosts.reached")} />;
  const obstacles = scan.problems.filter((problem) => !isAsked(problem));
  return (
    <>
      {scan.secrets.length > 0 && (
        <Banner tone="warning" title={t("hosts.secretsWanted", { count: scan.secrets.length })}>
          <ul>{scan.secrets.map((secret) => <li key={secret}>{say(secret)}</li>)}</ul>
          <a href="#credentials">{t("hosts.toCredentials")}</a>
        </Banner>
      )}
      <HostKeys keys={scan.unknownKeys} onTrusted={again} />
      <Obstacles obstacles={obstacles} onRetry={again}
        toAddresses={<ButtonLink to="/install/$site" params={{ site }}>{t("hosts.toAddresses")}</ButtonLink>}
        toLogin={<a href="#credentials">{t("hosts.toCredentials")}</a>} />
    </>
  );
}
