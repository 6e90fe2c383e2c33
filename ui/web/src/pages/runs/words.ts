/** Events in words, one line each. */
import type { Text } from "../../i18n";
import { type Say } from "../../said";
import type { Record_ } from "./model";

export function told({ event, run }: Record_, t: Text, say: Say): string {
  switch (event.type) {
    case "runStarted":
      return t("runs.said.runStarted", { run, plan: event.plan.slice(0, 12) });
    case "findingWaived":
      return t("runs.said.findingWaived", { observed: say(event.observed), host: event.host ?? "", reason: event.waiver.reason ?? "" });
    case "runResumed":
      return t("runs.said.runResumed", { run });
    case "stepStarted":
      return t("runs.said.stepStarted", { step: event.step, attempt: event.attempt });
    case "stepMet":
      return t("runs.said.stepMet", { step: event.step });
    case "stepDone":
      return t("runs.said.stepDone", { step: event.step });
    case "stepFailed":
      return t("runs.said.stepFailed", { step: event.step, what: say(event.failure.what) });
    case "hostDropped":
      return t("runs.said.hostDropped", { host: event.host, step: event.step });
    case "hostRetried":
      return t("runs.said.hostRetried", { host: event.host });
    case "runCancelled":
      return t("runs.said.runCancelled");
    case "runEnded":
      return t("runs.said.runEnded", { run, outcome: t(`runs.state.${event.outcome}`) });
    case "unknown":
      return t("runs.said.unknown");
  }
}
