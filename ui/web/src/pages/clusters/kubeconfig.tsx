import { useState } from "react";
import { api } from "../../api/client";
import { useChange } from "../../api/data";
import { useMay } from "../../api/session";
import { useText } from "../../i18n";
import { Banner, Button, CopyAsCli, Dialog, Problem } from "../../kit";
import { saveText } from "./logview";
import { twin } from "./twin";

/** The administrators' kubeconfig: what it opens is said before it is given, and it is noted who took it. */
export function Kubeconfig({ site }: { site: string }) {
  const t = useText();
  const may = useMay("admin");
  const [open, setOpen] = useState(false);
  const asking = useChange(() => api.GET("/api/v1/clusters/{site}/kubeconfig", { params: { path: { site } }, parseAs: "text" }));
  const take = () => asking.mutate(undefined, { onSuccess: (text) => saveText(`${site}.kubeconfig`, String(text)) });
  return (
    <>
      <Button onClick={() => setOpen(true)} disabled={!may} {...(!may && { label: t("clusters.needsAdmin", { what: t("clusters.kubeconfig") }) })}>{t("clusters.kubeconfig")}</Button>
      <Dialog title={t("clusters.kubeconfigOf", { site })} open={open} onClose={() => setOpen(false)}
        actions={<><Button kind="primary" onClick={take} busy={asking.isPending}>{t("clusters.kubeconfigTake")}</Button><Button onClick={() => setOpen(false)}>{t("kit.close")}</Button></>}>
        <div className="stack">
          <p>{t("clusters.kubeconfigWhat")}</p>
          {asking.isSuccess && <Banner tone="success" title={t("clusters.kubeconfigTaken", { site })} />}
          <Problem error={asking.error} title={t("clusters.kubeconfigFailed")} />
          <CopyAsCli command={twin.kubeconfig(site)} />
        </div>
      </Dialog>
    </>
  );
}
