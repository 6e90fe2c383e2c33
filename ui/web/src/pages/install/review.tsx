import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { api, type Of } from "../../api/client";
import { reading, useList, useRead } from "../../api/data";
import { settle, Trouble } from "../../api/problem";
import { locale, useText } from "../../i18n";
import { Banner, Button, Bytes, CopyAsCli, duration, Facts, Problem, Section, Skeleton } from "../../kit";
import { ahead } from "../../parts/gantt/ahead";
import type { Plan as WholePlan } from "../../parts/plan/model";
import { useSaid } from "../../said";
import { useBundles } from "./bundles";
import { bytesByHost, planSaid, usual, type Plan } from "./plan";
import { Predicted } from "./predicted";
import { keepSite } from "./site";
import { Twin, type StepProps } from "./step";

/** What will be done, in full; then one button. */
export function ReviewStep({ site, draft, view: read, go, foot }: StepProps) {
  const t = useText();
  const { rows: bundles } = useBundles();
  const bundle = bundles?.find(({ id }) => id === draft.bundle);
  const plan = useMutation({
    mutationFn: async () => {
      await keepSite(site, draft.text, draft.bundle);
      return (await settle(api.POST("/api/v1/sites/{name}/plans", { params: { path: { name: site } }, body: {} }))).body as Of<"MadePlan">;
    },
  });
  const begun = useRef(false);
  const { mutate } = plan;
  useEffect(() => {
    if (!begun.current) mutate();
    begun.current = true;
  }, [mutate]);
  const made = plan.data;
  const stops = (made?.stopping ?? 0) > 0;
  const [request, setRequest] = useState<Of<"Request">>();
  const install = useMutation({
    mutationFn: async () => (await settle(api.POST("/api/v1/runs", { body: { plan: made?.id ?? "" } }))).body as Of<"Request">,
    onSuccess: setRequest,
    // The site was changed since, here or elsewhere: the plan is made again, and nothing has begun.
    onError: (error) => error instanceof Trouble && error.kind === "conflict" && plan.mutate(),
  });
  return (
    <>
      <Problem error={plan.error} title={t("install.notPlanned")} retry={() => plan.mutate()}><Button onClick={() => go("hosts")}>{t("install.toHosts")}</Button></Problem>
      {plan.isPending && <div role="status"><p>{t("install.planning", { count: read.hosts.length })}</p><Skeleton rows={6} /></div>}
      {stops && <Banner tone="danger" title={t("install.stopping", { count: made?.stopping ?? 0 })}><Button onClick={() => go("preflight")}>{t("install.toPreflight")}</Button></Banner>}
      {made && !plan.isPending && <Made plan={made} hosts={read.hosts.length} release={bundle ? `${bundle.release} ${bundle.version}` : ""} site={site} />}
      <Problem error={install.error} title={t("install.notStarted")} />
      <Twin verb="plan" draft={draft} view={read} />
      <Twin verb="apply" draft={draft} view={read} />
      {request && <Begun request={request} site={site} />}
      {foot(
        <>
          <Button onClick={() => plan.mutate()} busy={plan.isPending}>{t("install.planAgain")}</Button>
          <Button kind="primary" disabled={!made || stops || plan.isPending || request !== undefined} busy={install.isPending} onClick={() => install.mutate()}>{t("install.install", { count: read.hosts.length })}</Button>
        </>,
      )}
    </>
  );
}

/** Nobody knows it to the second. */
const rounded = (time: number) => Math.max(10_000, Math.round(time / 10_000) * 10_000);

function Made({ plan, hosts, release, site }: { plan: Of<"MadePlan">; hosts: number; release: string; site: string }) {
  const t = useText();
  const say = useSaid();
  const path = { params: { path: { id: plan.id } } };
  const whole = useRead(["plans", plan.id], () => api.GET("/api/v1/plans/{id}", path));
  const text = useRead(["plans", plan.id, "text"], () => api.GET("/api/v1/plans/{id}/text", path));
  const diff = useRead(["plans", plan.id, "diff"], () => api.GET("/api/v1/plans/{id}/diff", path));
  const runs = useList("runs", (query) => api.GET("/api/v1/runs", { params: { query } }), { filter: "state=healthy,intent=install", sort: "-startedAt" });
  const sends = useMemo(() => bytesByHost((whole.data ?? {}) as Plan), [whole.data]);
  const bytes = whole.data && [...sends.values()].reduce((a, b) => a + b, 0);
  // What earlier installs here took; before the first one, what its steps take elsewhere.
  const [way, pace] = useMemo(() => {
    const steps = (whole.data as unknown as WholePlan | undefined)?.steps ?? [];
    const plain = ahead(steps);
    const earlier = usual(runs.rows ?? [], plain.end);
    const pace = earlier !== undefined && plain.end > 0 ? earlier / plain.end : 1;
    return [pace === 1 ? plain : ahead(steps, pace), pace];
  }, [whole.data, runs.rows]);
  const took = whole.data && way.end;
  return (
    <>
      <Facts of={[
        [t("install.step.bundle"), release],
        [t("install.hosts"), String(hosts)],
        [t("install.stepsOfPlan"), String(plan.steps)],
        [t("install.bytes"), bytes === undefined ? "–" : <Bytes key="bytes" count={bytes} />],
        [t("install.estimate"), took === undefined ? "–" : t("install.about", { time: duration(rounded(took), locale()) })],
        [t("install.plan"), <code key="plan">{plan.id.slice(0, 12)}</code>],
      ]} />
      {plan.report.length > 0 && <ul className="report">{plan.report.map((line) => <li key={line}>{say(line)}</li>)}</ul>}
      {diff.data?.against && (
        <Section title={t("install.diff", { against: diff.data.against.slice(0, 12) })}>
          {diff.data.same ? <p>{t("install.same")}</p> : <pre className="told" tabIndex={0} aria-label={t("install.diff", { against: "" })}>{planSaid(diff.data.text, say, t)}</pre>}
        </Section>
      )}
      {way.rows.length > 0 && <Predicted ahead={way} pace={pace} sends={sends} />}
      <Section title={t("install.planText")}>
        {text.data ? <pre className="told" tabIndex={0} aria-label={t("install.planText")}>{planSaid(text.data.text, say, t)}</pre> : <Skeleton rows={6} />}
      </Section>
      <CopyAsCli command={`armilla plan -s ${site}.yaml -o json`} />
    </>
  );
}

/** Between the click and the run: the request has a name at once, the run has one as soon as its hosts were reached. */
function Begun({ request, site }: { request: Of<"Request">; site: string }) {
  const t = useText();
  const say = useSaid();
  const navigate = useNavigate();
  const now = useQuery({ ...reading(["requests", request.id], () => api.GET("/api/v1/requests/{id}", { params: { path: { id: request.id } } })), initialData: request }).data;
  const run = now.run;
  useEffect(() => {
    if (!run) return;
    // What it was for is done; a draft that stays behind does no harm.
    void api.DELETE("/api/v1/sites/{name}/draft", { params: { path: { name: site } } }).catch(() => undefined);
    void navigate({ to: "/runs/$id", params: { id: run } });
  }, [run, site, navigate]);
  if (now.state === "failed") return <Banner tone="danger" title={t("install.notStarted")}><p>{say(now.why ?? "")}</p></Banner>;
  if (now.held) return <Banner tone="warning" title={t("install.held")}><ul>{now.held.problems.map(({ pointer, detail }) => <li key={pointer + detail}>{say(detail)}</li>)}</ul></Banner>;
  return <p role="status">{t("install.starting")}</p>;
}
