import { useState } from "react";
import { api } from "../../api/client";
import { useChange, useList } from "../../api/data";
import { useMay } from "../../api/session";
import { locale, useText } from "../../i18n";
import { Banner, Button, bytes, CopyAsCli, Problem, save, Section, Select, Took } from "../../kit";

/** Seconds that each host is given, as the server does when nobody says (`routes/support.rs`). */
const EACH = 120;

/** One archive for somebody who helps. Its hosts are asked all at once, and one that does not answer costs its two minutes. */
export function Support() {
  const t = useText();
  const may = useMay("operator");
  const { rows: sites = [] } = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  const [chosen, setChosen] = useState<string>();
  const [began, setBegan] = useState(0);
  const site = chosen ?? sites[0]?.name;
  const collect = useChange((name: string) => api.POST("/api/v1/sites/{name}/support", { params: { path: { name } }, body: {}, parseAs: "blob" }));
  const begin = (name: string) => {
    setBegan(Date.now());
    const at = new Date().toISOString().slice(0, 16).replace(/\D/g, "");
    collect.mutate(name, { onSuccess: (archive) => save(`armilla-support-${name}-${at}.tar.gz`, archive as unknown as Blob) });
  };
  return (
    <Section title={t("settings.support")}>
      <p className="muted">{t("settings.supportWhy")}</p>
      {site === undefined ? <p className="muted">{t("settings.supportNoSite")}</p> : (
        <>
          <div className="row support-of">
            <Select label={t("settings.supportOf")} value={site} onChange={setChosen} options={sites.map(({ name }) => ({ value: name, label: name }))} />
            <Button onClick={() => begin(site)} busy={collect.isPending} disabled={!may}>{t("settings.supportCollect", { site })}</Button>
          </div>
          {collect.isPending && <p role="status">{t("settings.supportGoing", { seconds: EACH })} <Took from={began} to={undefined} /></p>}
          {collect.isSuccess && <Banner tone="success" title={t("settings.supportMade", { size: bytes((collect.data as unknown as Blob).size, locale()) })} />}
          <Problem error={collect.error} title={t("settings.supportFailed")} />
        </>
      )}
      <CopyAsCli command={site === undefined ? "armilla support collect" : `armilla support collect -s ${site}`} />
    </Section>
  );
}
