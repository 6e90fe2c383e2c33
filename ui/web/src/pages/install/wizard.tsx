import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { api, type Of } from "../../api/client";
import { queries, useRead } from "../../api/data";
import { Trouble } from "../../api/problem";
import { useText } from "../../i18n";
import { Banner, Button, ButtonLink, EmptyState, Field, Page, Problem, save, Section, Skeleton, State } from "../../kit";
import { view, type SiteView } from "../../parts/site/text";
import { useSaid } from "../../said";
import { beginDraft, useDraft, type Keeping } from "./draft";
import type { Draft } from "./kept";
import { BundleStep } from "./bundle";
import { HostsStep } from "./hosts";
import { OptionsStep } from "./options";
import { PreflightStep } from "./preflight";
import { ReviewStep } from "./review";
import { RolesStep } from "./roles";
import { useFlaws, type Flaws } from "./site";
import type { StepProps } from "./step";
import { after, before, missing, STEPS, type Step } from "./steps";
import "./install.css";

const route = getRouteApi("/inside/install/$site");

const BODIES: Record<Step, (props: StepProps) => ReactNode> = {
  bundle: BundleStep, hosts: HostsStep, roles: RolesStep, options: OptionsStep, preflight: PreflightStep, review: ReviewStep,
};

/** From bare hosts to a plan, a step at a time; its draft is on the server. */
export function Wizard() {
  const t = useText();
  const { site } = route.useParams();
  const { step: asked } = route.useSearch();
  const navigate = useNavigate();
  const { draft, change, keeping, settleClash, error, retry } = useDraft(site);
  const read = useMemo(() => view(draft?.text ?? ""), [draft?.text]);
  const flaws = useFlaws(draft?.text ?? "");
  const wanted = asked ?? draft?.step ?? "bundle";
  const has = { bundle: Boolean(draft?.bundle) || read.has("bundle", "path"), hosts: read.hosts.length > 0 };
  const step = missing(wanted, has) ?? wanted;
  const kept = draft?.step;
  useEffect(() => {
    if (kept && kept !== step) change({ step });
  }, [kept, step, change]);
  useEffect(() => void document.querySelector("main")?.scrollTo(0, 0), [step]);
  if (!draft) {
    const none = error instanceof Trouble && error.kind === "not-found";
    return <Page title={t("install.siteTitle", { site })}>{none ? <NoDraft site={site} /> : error ? <Problem error={error} retry={retry} /> : <Skeleton rows={6} />}</Page>;
  }
  const go = (to: Step = after(step)) => void navigate({ to: "/install/$site", params: { site }, search: { step: to } });
  const back = before(step);
  const foot = (next: ReactNode) => (
    <div className="row wizard-foot">
      {back && <Button onClick={() => go(back)}>{t("install.back")}</Button>}
      {next}
    </div>
  );
  const Body = BODIES[step];
  return (
    <Page title={t("install.siteTitle", { site })} actions={<Kept keeping={keeping} />}>
      {keeping.state === "clash" && <Clash by={keeping.by} settle={(whose) => void settleClash(whose)} />}
      {keeping.state === "refused" && <Problem error={keeping.error} title={t("install.notKept")} />}
      <Stepper now={step} go={go} has={has} />
      <div className="wizard">
        <Section title={t(`install.step.${step}`)}>
          <Body site={site} draft={draft} view={read} flaws={flaws} change={change} go={go} foot={foot} />
        </Section>
        <Text draft={draft} view={read} flaws={flaws} change={change} />
      </div>
    </Page>
  );
}

/** A site without a draft is changed from what it is; where there is neither, there is nothing to go on with. */
function NoDraft({ site }: { site: string }) {
  const t = useText();
  const now = useRead(["sites", site], () => api.GET("/api/v1/sites/{name}", { params: { path: { name: site } } }));
  const begin = useMutation({
    mutationFn: async ({ text, bundle }: Of<"Site">) => {
      await beginDraft(site, { text: text ?? "", step: "hosts", paste: "", ownRoles: true, ...(bundle && { bundle }) });
      await queries.invalidateQueries({ queryKey: ["drafts"] });
    },
  });
  if (now.isPending) return <Skeleton />;
  return (
    <EmptyState why={t(now.data ? "install.noDraft" : "install.noSite")}>
      <Problem error={begin.error} />
      {now.data ? <Button kind="primary" busy={begin.isPending} onClick={() => begin.mutate(now.data)}>{t("install.changeSite")}</Button>
        : <ButtonLink to="/install" kind="primary">{t("install.title")}</ButtonLink>}
    </EmptyState>
  );
}

/** Where one is, and where one can go. */
function Stepper({ now, go, has }: { now: Step; go: (step: Step) => void; has: { bundle: boolean; hosts: boolean } }) {
  const t = useText();
  return (
    <nav aria-label={t("install.steps")}>
      <ol className="stepper">
        {STEPS.map((step, index) => (
          <li key={step}>
            <button type="button" aria-current={step === now ? "step" : undefined} disabled={missing(step, has) !== undefined} onClick={() => go(step)}>
              <span className="num" aria-hidden="true">{index + 1}</span> {t(`install.step.${step}`)}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** Whether what is on the screen is on the server. */
function Kept({ keeping }: { keeping: Keeping }) {
  const t = useText();
  const tone = { kept: "ok", keeping: "run", waiting: "warn", clash: "bad", refused: "bad" } as const;
  return <span role="status"><State tone={tone[keeping.state]}>{t(`install.draft.${keeping.state}`)}</State></span>;
}

function Clash({ by, settle }: { by: string; settle: (whose: "theirs" | "mine") => void }) {
  const t = useText();
  return (
    <Banner tone="warning" title={by ? t("install.clash", { by }) : t("install.clashGone")}>
      <div className="row">
        <Button onClick={() => settle("theirs")}>{t("install.takeTheirs")}</Button>
        <Button onClick={() => settle("mine")}>{t("install.keepMine")}</Button>
      </div>
    </Banner>
  );
}

type TextProps = { draft: Draft; view: SiteView; flaws: Flaws; change: (part: Partial<Draft>) => void };

/** The text that every step writes into, to be changed by hand as well: the same by another way. */
function Text({ draft, view: read, flaws, change }: TextProps) {
  const t = useText();
  const say = useSaid();
  const [open, setOpen] = useState(() => localStorage.getItem("install.yaml") === "open");
  const toggle = () => {
    localStorage.setItem("install.yaml", open ? "" : "open");
    setOpen(!open);
  };
  const wrong = read.broken && t("install.broken", { line: read.broken.line, why: read.broken.message });
  return (
    <aside className="wizard-text" aria-label="site.yaml">
      <div className="row">
        <Button kind="plain" onClick={toggle}>{open ? t("install.hideYaml") : t("install.showYaml")}</Button>
        <Button kind="plain" onClick={() => save(`${read.name || "site"}.yaml`, new Blob([draft.text], { type: "application/yaml" }))}>{t("install.saveYaml")}</Button>
      </div>
      {open && (
        <>
          <Field label="site.yaml" lines={22} value={draft.text} error={wrong} onChange={(text) => change({ text, paste: "", ownRoles: true })} />
          {!wrong && flaws.error && (
            <ul className="wrong" aria-label={t("install.flaws")}>
              {flaws.error.problem.errors?.map(({ pointer, detail }) => <li key={pointer + detail}>{pointer && <><code>{pointer}</code>{t("kit.colon")}</>}{say(detail)}</li>)}
            </ul>
          )}
        </>
      )}
    </aside>
  );
}
