import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { api } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { locale, useText } from "../../i18n";
import { Ago, Banner, Bytes, Button, CopyAsCli, Drawer, duration, Facts, Problem, State, Took, type Tone } from "../../kit";
import { HostTerminal } from "../../parts/terminal";
import { useSaid } from "../../said";
import { expected, type History } from "./estimate";
import { succeeded, type StepView, type View } from "./fold";
import { output } from "./logview";
import type { Failure, Plan, Step } from "./model";
import type { Rates } from "./rates";
import { label } from "./steps";

type Shared = { run: string; plan: Plan; view: View; history: History; rates: Rates; may: boolean; open: (at: string | undefined) => void };

/** What is known of one place in the picture: `w1/join` is a host's phase, `w1/join/join` one step. */
export function PlaceDrawer({ at, ...shared }: Shared & { at: string }) {
  const t = useText();
  const say = useSaid();
  const step = shared.plan.steps.find(({ id }) => id === at);
  const close = () => shared.open(undefined);
  if (step) return <Drawer title={label(step.action, t, say)} onClose={close}><OneStep key={at} step={step} {...shared} /></Drawer>;
  const steps = shared.plan.steps.filter(({ host, phase }) => `${host}/${phase}` === at);
  const first = steps[0];
  if (!first) return null;
  return (
    <Drawer title={`${first.host} · ${t(`parts.phase.${first.phase}`)}`} onClose={close}>
      <p className="muted">{t(`runs.phaseIs.${first.phase}`)}</p>
      <ul className="steplist">
        {steps.map((each) => (
          <li key={each.id}>
            <StepState step={shared.view.steps.get(each.id)} never={isNever(each, shared.view)} />
            <button type="button" onClick={() => shared.open(each.id)}>{label(each.action, t, say)}</button>
            <StepTook step={shared.view.steps.get(each.id)} />
          </li>
        ))}
      </ul>
    </Drawer>
  );
}

const isNever = (step: Step, view: View) => view.outcome !== undefined || view.dropped.has(step.host);

const TONES: Record<StepView["state"], Tone> = { started: "run", met: "ok", done: "ok", failed: "bad" };

export function StepState({ step, never }: { step: StepView | undefined; never: boolean }) {
  const t = useText();
  if (!step) return <State tone="wait">{t(never ? "parts.bar.never" : "parts.bar.waiting")}</State>;
  return <State tone={TONES[step.state]}>{t(`runs.step.${step.state}`)}</State>;
}

function StepTook({ step }: { step: StepView | undefined }) {
  return step ? <Took from={step.startedAt} to={step.endedAt} /> : <span className="muted num">–</span>;
}

function OneStep({ step, run, plan, view, history, rates, may, open }: Shared & { step: Step }) {
  const t = useText();
  const say = useSaid();
  const known = view.steps.get(step.id);
  const flow = rates.ofStep(step.id, Date.now());
  const waits = known ? [] : step.after.filter((id) => !succeeded(view.steps.get(id)));
  const note = rates.note(step.id);
  return (
    <>
      {known?.failure && <Failed failure={known.failure} />}
      {known?.state === "failed" && may && <Retry run={run} host={step.host} dropped={view.dropped.has(step.host)} />}
      {known?.failure && <div className="row"><HostTerminal site={plan.site} host={step.host} /></div>}
      <Facts of={[
        [t("runs.state"), <StepState key="state" step={known} never={isNever(step, view)} />],
        [t("runs.host"), step.host],
        [t("runs.facet.phase"), t(`parts.phase.${step.phase}`)],
        [t("runs.step"), <code key="id">{step.id}</code>],
        ...(known ? [[t("runs.attempt"), known.attempt] as [string, number]] : []),
        [t("runs.started"), <Ago key="started" at={known?.startedAt} />],
        [t("runs.took"), <StepTook key="took" step={known} />],
        [t("runs.usually"), duration(expected(step, history), locale())],
        ...(flow ? [[t("runs.moved"), <Bytes key="moved" count={flow.done} />] as [string, React.ReactNode]] : []),
      ]} />
      {note && <p>{say(note)}</p>}
      {step.quorum_critical && <p className="muted">{t("runs.critical")}</p>}
      {waits.length > 0 && (
        <section aria-label={t("runs.waitsFor")}>
          <h3>{t("runs.waitsFor")}</h3>
          <ul className="steplist">
            {waits.map((id) => {
              const other = plan.steps.find((each) => each.id === id);
              return (
                <li key={id}>
                  <StepState step={view.steps.get(id)} never={other ? isNever(other, view) : false} />
                  <button type="button" onClick={() => open(id)}>{other ? `${other.host}: ${label(other.action, t, say)}` : id}</button>
                </li>
              );
            })}
          </ul>
        </section>
      )}
      {known && <Output run={run} step={step.id} known={known} />}
    </>
  );
}

/** What failed, what shows it, what to do. */
function Failed({ failure }: { failure: Failure }) {
  const t = useText();
  const say = useSaid();
  return (
    <Banner tone="danger" title={t("runs.failedTo", { what: say(failure.what) })}>
      {failure.evidence.length > 0 && <pre className="evidence" tabIndex={0} aria-label={t("runs.evidence")}>{failure.evidence.join("\n")}</pre>}
      {failure.hint && <p>{t("runs.hint", { hint: say(failure.hint) })}</p>}
    </Banner>
  );
}

/** The host takes part again: in this run, or in another one of the same plan when this has ended. */
export function Retry({ run, host, dropped }: { run: string; host: string; dropped: boolean }) {
  const t = useText();
  const path = { params: { path: { id: run, host } } };
  const retry = useChange(() => api.POST("/api/v1/runs/{id}/hosts/{host}/retry", path));
  if (!dropped) return null;
  return (
    <div className="section">
      <Problem error={retry.error} title={t("runs.retryFailed")} />
      {retry.data?.request ? <Anew request={retry.data.request} /> : (
        <div className="row"><Button kind="primary" onClick={() => retry.mutate(undefined)} busy={retry.isPending}>{t("runs.retryHost", { host })}</Button></div>
      )}
      <CopyAsCli command={`armilla run retry ${run} ${host}`} />
    </div>
  );
}

/** A run was asked for; as soon as it has a name there is a way to it. */
export function Anew({ request }: { request: string }) {
  const t = useText();
  const say = useSaid();
  const navigate = useNavigate();
  const asked = useRead(["requests", request], () => api.GET("/api/v1/requests/{id}", { params: { path: { id: request } } }), { every: 2000 });
  const { run, why, held } = asked.data ?? {};
  if (run) return <div className="row"><Button kind="primary" onClick={() => void navigate({ to: "/runs/$id", params: { id: run } })}>{t("runs.toRun", { id: run })}</Button></div>;
  if (why) return <Banner tone="danger" title={t("runs.notStarted")}>{say(why)}</Banner>;
  if (held) return <Banner tone="warning" title={t("runs.startHeld")}><ul>{held.problems.map(({ pointer, detail }) => <li key={pointer + detail}>{say(detail)}</li>)}</ul></Banner>;
  return <p role="status">{t("runs.anew")}</p>;
}

/** What the commands of the step say; while they run it is asked for again and again. */
function Output({ run, step, known }: { run: string; step: string; known: StepView }) {
  const t = useText();
  const going = known.state === "started";
  const said = useQuery({
    queryKey: ["instance", "output", run, step, known.attempt, known.state],
    queryFn: () => output(run, step, known.attempt),
    ...(going && { refetchInterval: 1000 }),
  });
  if (!said.data) return said.isSuccess && !going ? <p className="muted">{t("runs.saidNothing")}</p> : null;
  return (
    <section aria-label={t("runs.said")}>
      <h3>{t("runs.said")}</h3>
      <pre className="evidence" tabIndex={0} aria-label={t("runs.said")}>{said.data}</pre>
      {known.output?.dropped ? <p className="muted">{t("runs.dropped", { count: known.output.dropped })}</p> : null}
    </section>
  );
}
