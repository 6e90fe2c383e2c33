import { api, type Of } from "../../api/client";
import { useChange } from "../../api/data";
import { useText } from "../../i18n";
import { Banner, Button, ButtonLink, Copyable, DataGrid, Problem, Section } from "../../kit";

/** What a scan found in the way, each with its own fix; after a fix the hosts are tried again. */
export function Scanned({ site, scan, again }: { site: string; scan: Of<"Scan">; again: () => void }) {
  const t = useText();
  if (scan.reached) return <Banner tone="success" title={t("hosts.reached")} />;
  // A host whose key or secret is asked for is not in the way beside that question.
  const asks = scan.unknownKeys.length + scan.secrets.length > 0;
  return (
    <>
      {scan.secrets.length > 0 && (
        <Banner tone="warning" title={t("hosts.secretsWanted", { count: scan.secrets.length })}>
          <ul>{scan.secrets.map((secret) => <li key={secret}>{secret}</li>)}</ul>
          <a href="#credentials">{t("hosts.toCredentials")}</a>
        </Banner>
      )}
      {scan.unknownKeys.length > 0 && <Keys keys={scan.unknownKeys} again={again} />}
      {!asks && (
        <Banner tone="warning" title={t("hosts.away", { count: scan.problems.length })}>
          <ul>{scan.problems.map(({ pointer, detail }) => <li key={pointer + detail}><strong>{pointer.replace("/hosts/", "")}</strong>: {detail}</li>)}</ul>
          <div className="row">
            <Button onClick={again}>{t("hosts.scan")}</Button>
            <ButtonLink to="/$" params={{ _splat: `install/${site}` }}>{t("hosts.toAddresses")}</ButtonLink>
            <a href="#credentials">{t("hosts.toCredentials")}</a>
          </div>
        </Banner>
      )}
    </>
  );
}

/** Keys that were seen for the first time: compared, then trusted all at once. */
function Keys({ keys, again }: { keys: Of<"HostKey">[]; again: () => void }) {
  const t = useText();
  const trust = useChange(() => api.POST("/api/v1/host-keys", { body: { items: keys } }));
  return (
    <Section title={t("hosts.newKeys", { count: keys.length })}>
      <p className="muted">{t("hosts.newKeysWhy")} <code>ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub</code></p>
      <DataGrid label={t("hosts.newKeys", { count: keys.length })} list={{ rows: keys }} rowId={({ place }) => place} empty={null} columns={[
        { id: "place", title: t("hosts.address"), width: 160, cell: ({ place }) => <span className="mono">{place}</span> },
        { id: "fingerprint", title: t("hosts.key"), width: 420, grow: 3, cell: ({ fingerprint }) => <Copyable value={fingerprint} what={t("hosts.key")} /> },
      ]} />
      <Problem error={trust.error} />
      <div className="row"><Button kind="primary" busy={trust.isPending} onClick={() => trust.mutate(undefined, { onSuccess: again })}>{t("hosts.trust", { count: keys.length })}</Button></div>
    </Section>
  );
}
