import { useQuery } from "@tanstack/react-query";
import { api } from "../../api/client";
import { useChange } from "../../api/data";
import { Trouble } from "../../api/problem";
import { me } from "../../api/session";
import { useText } from "../../i18n";
import { Button, ButtonLink, Copyable, Problem } from "../../kit";

/** The key that the server met and nobody vouched for: an administrator compares its fingerprint, trusts it, and what was refused goes on. */
export function UnknownKey({ trouble, onTrusted }: { trouble: unknown; onTrusted: () => void }) {
  const t = useText();
  const admin = useQuery(me).data?.role === "admin";
  const key = trouble instanceof Trouble ? trouble.problem.bundleKey : undefined;
  const trust = useChange((pem: string) => api.POST("/api/v1/bundle-keys", { body: { pem } }));
  if (!key) return null;
  return (
    <>
      <p className="fingerprint"><span className="muted">{t("bundles.fingerprint")}</span> <Copyable value={key.fingerprint} what={t("bundles.fingerprint")} /></p>
      <p>{t(admin ? "bundles.trustWhy" : "bundles.trustAdmin")}</p>
      <div className="row">
        {admin && <Button kind="primary" busy={trust.isPending} onClick={() => trust.mutate(key.pem, { onSuccess: onTrusted })}>{t("bundles.trustAndGoOn")}</Button>}
        <ButtonLink to="/trust">{t("bundles.toKeys")}</ButtonLink>
      </div>
      <Problem error={trust.error} title={t("bundles.notTrusted")} />
    </>
  );
}
