import { getRouteApi } from "@tanstack/react-router";
import { api } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { useText } from "../../i18n";
import { Ago, Button, CopyAsCli, Facts, Page, Problem, Skeleton, Took } from "../../kit";
import { RunState } from "./state";

const route = getRouteApi("/inside/runs/$id");

/** One run. */
export function RunPage() {
  const t = useText();
  const { id } = route.useParams();
  const path = { params: { path: { id } } };
  const run = useRead(["runs", id], () => api.GET("/api/v1/runs/{id}", path));
  const cancel = useChange(() => api.POST("/api/v1/runs/{id}/cancel", path));
  if (!run.data) return <Page title={id}>{run.error ? <Problem error={run.error} retry={() => void run.refetch()} /> : <Skeleton />}</Page>;
  const { site, plan, state, live, startedAt, endedAt } = run.data;
  const stop = <Button onClick={() => cancel.mutate(undefined)} busy={cancel.isPending}>{t("runs.cancel")}</Button>;
  return (
    <Page title={t("runs.one", { id, site })} {...(live && { actions: stop })}>
      <Problem error={cancel.error} title={t("runs.cancelFailed")} />
      <Facts of={[
        [t("runs.state"), <RunState key="state" run={run.data} />],
        [t("runs.plan"), <code key="plan">{plan}</code>],
        [t("runs.started"), <Ago key="started" at={startedAt} />],
        [t("runs.took"), <Took key="took" from={startedAt} to={endedAt} />],
      ]} />
      <CopyAsCli command={state === "open" ? `armilla run follow ${id}` : `armilla run show ${id}`} />
    </Page>
  );
}
