import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Of } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { useText } from "../../i18n";
import { Banner, Button, CopyAsCli, Field, Form, Problem } from "../../kit";
import { useSaid } from "../../said";

/** Why a run does not go on, and what a person can do so that it does: give a secret, vouch for a host key. It goes on by itself then. */
export function HeldBy({ site, held, may }: { site: string; held: Of<"Held">; may: boolean }) {
  const t = useText();
  const say = useSaid();
  return (
    <>
      <Banner tone="warning" title={t("runs.held")}>
        <ul>{held.problems.map(({ pointer, detail }) => <li key={pointer + detail}>{pointer && <code>{pointer}</code>} {say(detail)}</li>)}</ul>
        {held.hint && <p>{t("runs.hint", { hint: say(held.hint) })}</p>}
        <p>{t("runs.heldThen")}</p>
      </Banner>
      {may && held.secrets.length > 0 && <Secrets site={site} />}
      {may && held.problems.some(({ detail }) => /host key/.test(detail)) && <HostKeys site={site} />}
    </>
  );
}

function Secrets({ site }: { site: string }) {
  const read = useRead(["secrets", "held", site], () => api.GET("/api/v1/sites/{name}/credentials", { params: { path: { name: site } } }));
  const lacking = read.data?.items.filter(({ given }) => !given) ?? [];
  return (
    <>
      <Problem error={read.error} />
      {lacking.map((credential) => <Secret key={credential.id} site={site} {...credential} />)}
    </>
  );
}

function Secret({ site, id, kind, what }: { site: string; id: string; kind: string; what: string }) {
  const t = useText();
  const say = useSaid();
  const queries = useQueryClient();
  const [secret, setSecret] = useState("");
  const give = useChange(() => api.PUT("/api/v1/sites/{name}/credentials/{id}", { params: { path: { name: site, id } }, body: { secret } }));
  const send = () => give.mutate(undefined, { onSuccess: () => void queries.invalidateQueries({ queryKey: ["secrets", "held", site] }) });
  return (
    <Form onSubmit={send}>
      <Field label={say(what)} value={secret} onChange={setSecret} {...(kind === "secret" ? { type: "password", autoComplete: "off" } : { lines: 6 })} required />
      <Problem error={give.error} />
      <CopyAsCli command={`armilla host credential give ${id} -s ${site}`} />
      <Button kind="primary" type="submit" busy={give.isPending} disabled={!secret}>{t("runs.giveSecret")}</Button>
    </Form>
  );
}

/** The keys that hosts showed and nobody vouched for, to be compared with what stands on the hosts. */
function HostKeys({ site }: { site: string }) {
  const t = useText();
  const seen = useQuery({
    queryKey: ["hostKeys", "scan", site],
    queryFn: async () => (await api.POST("/api/v1/sites/{name}/scan", { params: { path: { name: site } } })).data?.unknownKeys ?? [],
    staleTime: Infinity,
  });
  const items = seen.data ?? [];
  const trust = useChange(() => api.POST("/api/v1/host-keys", { body: { items } }));
  if (items.length === 0) return null;
  return (
    <div className="section">
      <dl className="facts">{items.map(({ place, fingerprint }) => <div key={place}><dt>{place}</dt><dd><code>{fingerprint}</code></dd></div>)}</dl>
      <p className="muted">{t("runs.compareKeys")}</p>
      <Problem error={trust.error} />
      <CopyAsCli command={[`armilla host scan -s ${site}`, ...items.map(({ place, fingerprint }) => `armilla host key trust ${place} ${fingerprint}`)].join("\n")} />
      <div className="row"><Button kind="primary" onClick={() => trust.mutate(undefined)} busy={trust.isPending}>{t("runs.trustKeys", { count: items.length })}</Button></div>
    </div>
  );
}
