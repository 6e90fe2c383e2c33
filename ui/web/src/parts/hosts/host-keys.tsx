import "../parts.css";
import { api, type Of } from "../../api/client";
import { useChange } from "../../api/data";
import { useText } from "../../i18n";
import { Button, CopyAsCli, Copyable, Problem, Section } from "../../kit";

type Props = { keys: Of<"HostKey">[]; onTrusted: () => void; busy?: boolean };

/** Trusts all of them in one go. */
export const useTrust = (onTrusted: () => void) => {
  const trust = useChange((items: Of<"HostKey">[]) => api.POST("/api/v1/host-keys", { body: { items } }));
  return { error: trust.error, busy: trust.isPending, trust: (keys: Of<"HostKey">[]) => trust.mutate(keys, { onSuccess: onTrusted }) };
};

/** The keys of hosts that were seen for the first time: to be compared, then confirmed all at once. */
export function HostKeys({ keys, onTrusted, busy = false }: Props) {
  const t = useText();
  const trusting = useTrust(onTrusted);
  if (keys.length === 0) return null;
  return (
    <Section title={t("parts.newKeys", { count: keys.length })}>
      <p className="muted">{t("parts.newKeysWhy")} <code>ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub</code></p>
      <div className="keys-list" tabIndex={0} role="group" aria-label={t("parts.newKeys", { count: keys.length })}>
        <table className="plain">
          <thead><tr><th scope="col">{t("parts.place")}</th><th scope="col">{t("parts.fingerprint")}</th></tr></thead>
          <tbody>
            {keys.map(({ place, fingerprint }) => (
              <tr key={place}><td className="mono">{place}</td><td><Copyable value={fingerprint} keep={16} what={t("parts.fingerprint")} /></td></tr>
            ))}
          </tbody>
        </table>
      </div>
      <Problem error={trusting.error} />
      <CopyAsCli command={keys.map(({ place, fingerprint }) => `armilla host key trust ${place} ${fingerprint}`).join("\n")} />
      <div className="row">
        <Button kind="primary" busy={trusting.busy || busy} autoFocus onClick={() => trusting.trust(keys)}>{t("parts.trust", { count: keys.length })}</Button>
      </div>
    </Section>
  );
}
