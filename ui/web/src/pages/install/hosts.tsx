import { useMutation } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";
import { api, type Of } from "../../api/client";
import { useRead } from "../../api/data";
import { useText } from "../../i18n";
import { Banner, Button, Problem, Section } from "../../kit";
import {
  Credentials, flawOf, HostKeys, isAsked, isOf, loginOf, Obstacles, OwnLogins, ownSecrets, PasteHosts, sharesLogin, useReading, withLogin, type Login,
} from "../../parts/hosts";
import { assign } from "../../parts/site/roles";
import { ownNames, strengthOf, type Survey } from "../../parts/site/surveyed";
import { view, withHosts, withNames, withRoles } from "../../parts/site/text";
import { useSaid } from "../../said";
import { check, giveSecrets, keepSite, scan, surveyOf } from "./site";
import { HostTable } from "./table";
import { Twin, type StepProps } from "./step";

/** Which hosts, and how one gets in; ends when every one of them lets us in. */
export function HostsStep({ site: name, draft, view: read, flaws, change, go, foot }: StepProps) {
  const t = useText();
  const say = useSaid();
  const { hosts } = useReading(draft.paste);
  const [login, setLogin] = useState<Login>(() => loginOf(read));
  const own = useMemo(() => ownSecrets(read), [read]);
  const [typed, setTyped] = useState<Record<string, string>>({});
  // Hosts that are named already are shown; others are named when somebody asks for it.
  const there = draft.paste.trim() === "" && read.hosts.length > 0;
  const [naming, setNaming] = useState(false);
  const [seen, setSeen] = useState<Of<"Scan">>();
  const form = useRef<HTMLDivElement>(null);
  const known = useRead(["credentials", name], () => api.GET("/api/v1/sites/{name}/credentials", { params: { path: { name } } }));
  const items = known.data?.items ?? [];
  const given = items.some((item) => item.given && item.kind === (login.way === "key" ? "privateKey" : "secret") && !own.some((secret) => isOf(secret, item)));
  // Hosts that are named anew have no login of their own yet.
  const shares = draft.paste.trim() !== "" || sharesLogin(read);

  /** The text with what was pasted and typed. */
  const written = () => {
    const text = shares ? withLogin(draft.text, read, login) : draft.text;
    return rolesFor(draft.paste.trim() ? withHosts(text, hosts) : text);
  };
  /** Unless somebody gave them by hand: as the paste says, or by what is known of the hosts. */
  const rolesFor = (text: string, survey: Survey = {}) => {
    if (draft.ownRoles) return text;
    const said = new Map(hosts.map(({ address, roles }) => [address, roles]));
    const candidates = view(text).hosts.map(({ name, address }) => ({ name, roles: said.get(address) ?? [], ...strengthOf(survey, name) }));
    return withRoles(text, assign(candidates).map(({ roles }) => roles));
  };
  /** What hosts are called and how strong they are, as they say themselves. */
  const take = async (text: string, survey: Survey) => {
    const known = withNames(rolesFor(text, survey), ownNames(view(text), survey));
    const strengths = Object.fromEntries(view(text).hosts.map(({ name: host, address }) => [address, strengthOf(survey, host)]));
    change({ text: known, strengths });
    await keepSite(name, known, draft.bundle);
  };
  const connect = useMutation({
    mutationFn: async () => {
      setSeen(undefined);
      const text = written();
      change({ text });
      const site = await keepSite(name, text, draft.bundle);
      await giveSecrets(name, login, own, typed);
      const found = await scan(name);
      // Hosts of a cluster that stands keep their names; without a bundle they are not looked at yet.
      if (!found.reached || site.founded || !draft.bundle) return found;
      // Where they cannot be looked at, the preflight says why.
      const survey = await check(name, site, false).then(() => surveyOf(name)).catch(() => undefined);
      if (survey) await take(text, survey);
      return found;
    },
    onSuccess: (found) => {
      setSeen(found);
      if (found.reached) go("roles");
    },
  });
  const count = draft.paste.trim() ? hosts.length : read.hosts.length;
  const flaw = flawOf(login);
  const ready = count > 0 && !flaw.user && !flaw.jump && (!shares || given || login.secret !== "" || draft.imported !== undefined);
  const asks = (seen?.unknownKeys.length ?? 0) > 0;
  const focus = (selector: string) => form.current?.querySelector<HTMLElement>(selector)?.focus();
  return (
    <div ref={form} className="wizard-form">
      {draft.imported && <Imported {...draft.imported} />}
      {there && <HostTable hosts={read.hosts} flaws={flaws} />}
      {there && !naming ? <div className="row"><Button onClick={() => setNaming(true)}>{t("install.changeAddresses")}</Button></div>
        : <PasteHosts value={draft.paste} onChange={(paste) => change({ paste })} autoFocus={naming || read.hosts.length === 0} error={draft.paste || there ? undefined : flaws.at("/hosts")} />}
      {shares && <Credentials login={login} onChange={setLogin} given={given} />}
      {own.length > 0 && <OwnLogins own={own} typed={typed} onChange={setTyped} given={(secret) => items.some((item) => item.given && isOf(secret, item))} />}
      <Problem error={connect.error} title={t("install.notConnected")} />
      {seen && (
        <>
          <HostKeys keys={seen.unknownKeys} onTrusted={() => connect.mutate()} busy={connect.isPending} />
          {!asks && seen.secrets.length > 0 && <Banner tone="warning" title={t("install.secretsMissing")}><ul>{seen.secrets.map((secret) => <li key={secret}>{say(secret)}</li>)}</ul></Banner>}
          <Obstacles obstacles={seen.problems.filter((problem) => !isAsked(problem))} onRetry={() => connect.mutate()} busy={connect.isPending}
            toAddresses={<Button onClick={() => (there ? setNaming(true) : focus("textarea"))}>{t("install.changeAddresses")}</Button>}
            toLogin={<Button kind="primary" onClick={() => focus("input[type=password], fieldset textarea")}>{t("install.changeLogin")}</Button>} />
        </>
      )}
      {connect.isPending && <p role="status">{t("install.connecting", { count })}</p>}
      <Twin verb="check" draft={draft} view={read} />
      {foot(
        <>
          <Button kind={asks ? "secondary" : "primary"} busy={connect.isPending} disabled={!ready} onClick={() => connect.mutate()}>{t("install.connect", { count })}</Button>
          {seen?.reached && <Button onClick={() => go()}>{t("install.next")}</Button>}
        </>,
      )}
    </div>
  );
}

/** What another installer's files said and a site does not. */
function Imported({ format, report }: Pick<Of<"ImportDraft">, "format" | "report">) {
  const t = useText();
  const say = useSaid();
  return (
    <Section title={t("install.imported", { format, count: report.length })}>
      {report.length > 0 && (
        <div className="keys-list" tabIndex={0} role="group" aria-label={t("install.notHonoured")}>
          <table className="plain">
            <thead><tr><th scope="col">{t("install.field")}</th><th scope="col">{t("install.line")}</th><th scope="col">{t("install.why")}</th></tr></thead>
            <tbody>
              {report.map(({ file, document, path, line, reason, why }) => (
                <tr key={`${file} ${document} ${path} ${line}`}>
                  <td className="mono">{path}</td><td className="num">{line}</td><td>{t("install.whyNot", { why: t(`install.why.${why}`), reason: say(reason) })}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}
