import { useNavigate, Link } from "@tanstack/react-router";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Of } from "../../api/client";
import { useChange, useList } from "../../api/data";
import { settle } from "../../api/problem";
import { useText } from "../../i18n";
import { Ago, Button, CopyAsCli, DestroyDialog, Field, FileField, Form, Page, Problem, Section, Select } from "../../kit";
import { isName } from "../../parts/hosts/pasted";
import { asTemplate, fresh, isSite, put } from "../../parts/site/text";
import { useBundles } from "./bundles";
import { beginDraft } from "./draft";
import { freeName, type Step } from "./steps";
import "./install.css";

/** A new site, one from another installer's files, or one that was begun before. */
export function Start() {
  const t = useText();
  const sites = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  const bundles = useBundles();
  const { rows: drafts } = useList("drafts", (query) => api.GET("/api/v1/drafts", { params: { query } }), { sort: "-changedAt" });
  const [typed, setTyped] = useState<string>();
  const [template, setTemplate] = useState("");
  const taken = [...(sites.rows ?? []).map((site) => site.name), ...(drafts ?? []).map(({ site }) => site)];
  const name = typed ?? freeName(taken);
  const wrong = taken.includes(name) ? t("install.nameTaken", { name }) : !isName(name) || name.includes(".") || name.length > 63 ? t("install.nameWrong") : undefined;
  const verified = bundles.rows?.find(({ verifiedAt }) => verifiedAt);
  const ready = Boolean(sites.rows && drafts && bundles.rows);
  const navigate = useNavigate();
  const begin = useMutation({
    mutationFn: async ({ text, imported }: { text?: string; imported?: Of<"ImportDraft"> }) => {
      const step: Step = verified || text ? "hosts" : "bundle";
      const report = imported && { imported: { format: imported.format, report: imported.report } };
      const own = { text: text ? put(text, ["metadata", "name"], name) : await firstText(name, template), ownRoles: Boolean(text) };
      await beginDraft(name, { ...own, step, paste: "", ...(verified && { bundle: verified.id }), ...report });
      await navigate({ to: "/install/$site", params: { site: name }, search: { step } });
    },
  });
  return (
    <Page title={t("install.title")} lead={t("install.lead")}>
      <Problem error={begin.error} title={t("install.notBegun")} />
      {drafts && drafts.length > 0 && <Drafts rows={drafts} />}
      <div className="ways">
        <Section title={t("install.new")}>
          <p className="muted">{t("install.newLead")}</p>
          <Form onSubmit={() => ready && !wrong && begin.mutate({})}>
            <Field label={t("install.name")} value={name} onChange={setTyped} error={wrong} hint={t("install.nameHint")} autoComplete="off" />
            {sites.rows && sites.rows.length > 0 && (
              <Select label={t("install.template")} value={template} onChange={setTemplate}
                options={[{ value: "", label: t("install.noTemplate") }, ...sites.rows.map((site) => ({ value: site.name, label: t("install.templateOf", { site: site.name }) }))]} />
            )}
            <Button kind="primary" type="submit" busy={begin.isPending} disabled={!ready || Boolean(wrong)}>{t("install.begin")}</Button>
          </Form>
        </Section>
        <Import name={name} onSite={(text) => begin.mutate({ text })} onDraft={(imported) => begin.mutate({ text: imported.siteYaml, imported })} />
      </div>
    </Page>
  );
}

/** The options of another site, or none: everything has a default. */
async function firstText(name: string, template: string): Promise<string> {
  if (template === "") return fresh(name);
  const { body } = await settle(api.GET("/api/v1/sites/{name}", { params: { path: { name: template } } }));
  return asTemplate(body.text ?? "", name);
}

/** What was begun, by whomever, in whichever browser. */
function Drafts({ rows }: { rows: Of<"DraftLine">[] }) {
  const t = useText();
  const [going, setGoing] = useState<string>();
  const remove = useChange((name: string) => api.DELETE("/api/v1/sites/{name}/draft", { params: { path: { name } } }));
  return (
    <Section title={t("install.drafts")}>
      <Problem error={remove.error} title={t("install.draftKept")} />
      <ul className="drafts">
        {rows.map(({ site, changedAt, by }) => (
          <li key={site}>
            <Link to="/install/$site" params={{ site }}>{site}</Link>
            <span className="muted">{t("install.draftBy", { by })} <Ago at={changedAt} /></span>
            <Button kind="plain" label={t("install.throwAwayOne", { site })} onClick={() => setGoing(site)}>{t("install.throwAway")}</Button>
          </li>
        ))}
      </ul>
      <DestroyDialog title={t("install.throwAwayOne", { site: going ?? "" })} open={going !== undefined} onClose={() => setGoing(undefined)} busy={remove.isPending}
        verb={t("install.throwAway")} name={going ?? ""} onConfirm={() => going && remove.mutate(going, { onSuccess: () => setGoing(undefined) })}>
        <p>{t("install.throwAwayWhy")}</p>
      </DestroyDialog>
    </Section>
  );
}

/** The server reads 4 MiB of each; a movie is not sent. */
const LONGEST = 4 << 20;

type ImportProps = { name: string; /** It is a site's text as it is. */ onSite: (text: string) => void; onDraft: (draft: Of<"ImportDraft">) => void };

/** Files of KubeKey, k0sctl and kubeadm, or a site's own. */
function Import({ name, onSite, onDraft }: ImportProps) {
  const t = useText();
  const [files, setFiles] = useState<{ name: string; text: string }[]>([]);
  const [tooLong, setTooLong] = useState("");
  const reading = useMutation({
    mutationFn: async () => (await settle(api.POST("/api/v1/sites/import", { body: { files } }))).body,
    onSuccess: onDraft,
  });
  const own = files.length === 1 ? files.find(({ text }) => isSite(text)) : undefined;
  const take = async (all: File[]) => {
    const long = all.find(({ size }) => size > LONGEST);
    setTooLong(long?.name ?? "");
    setFiles(long ? [] : await Promise.all(all.map(async (file) => ({ name: file.name, text: await file.text() }))));
  };
  return (
    <Section title={t("install.import")}>
      <p className="muted">{t("install.importLead")}</p>
      <Form onSubmit={() => (own ? onSite(own.text) : files.length > 0 && reading.mutate())}>
        <FileField label={t("install.files")} names={files.map((file) => file.name)} multiple onFiles={(all) => void take(all)}
          error={tooLong ? t("install.fileTooLong", { file: tooLong }) : undefined} />
        <Problem error={reading.error} title={t("install.notImported")} />
        <Button type="submit" busy={reading.isPending} disabled={files.length === 0}>{t("install.read")}</Button>
      </Form>
      <CopyAsCli command={own ? `armilla site add ${own.name}` : `armilla init ${(files.length > 0 ? files : [{ name: "config.yaml" }]).map((file) => `--from ${file.name}`).join(" ")} --name ${name} -f site.yaml`} />
    </Section>
  );
}
