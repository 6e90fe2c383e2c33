import { useState } from "react";
import { api } from "../../api/client";
import { useChange, useList } from "../../api/data";
import type { Asked } from "../../api/problem";
import { useMay } from "../../api/session";
import { locale, useText } from "../../i18n";
import { Banner, Button, bytes, CopyAsCli, Problem, save, Section, Select, Took } from "../../kit";

/** Seconds that each host is given, as the server does when nobody says (`routes/support.rs`). */
const EACH = 120;

type Collected = {
  archive: Blob;
  /** What could not be had: `hosts/h2`. */
  missing: string[];
};

async function collected(name: string): Promise<Awaited<Asked<Collected>>> {
  const answer = await api.POST("/api/v1/sites/{name}/support", { params: { path: { name } }, body: {}, parseAs: "blob" });
  const missing = (answer.response.headers.get("Armilla-Missing") ?? "").split(", ").filter(Boolean);
  const { data, error, response } = answer;
  return { error, response, ...(data !== undefined && { data: { archive: data as unknown as Blob, missing } }) };
}

function Made({ archive, missing }: Collected) {
  const t = useText();
  return (
    <Banner tone={missing.length > 0 ? "warning" : "success"} title={t("settings.supportMade", { size: bytes(archive.size, locale()).join(" ") })}>
      {missing.length > 0 && <p>{t("settings.supportMissing", { count: missing.length, missing: missing.join(", ") })}</p>}
    </Banner>
  );
}

/** One archive for somebody who helps. Its hosts are asked all at once, and one that does not answer costs its two minutes. */
export function Support() {
  const t = useText();
  const may = useMay("operator");
  const { rows: sites = [] } = useList("sites", (query) => api.GET("/api/v1/sites", { params: { query } }), { sort: "name" });
  const [chosen, setChosen] = useState<string>();
  const [began, setBegan] = useState(0);
  const site = chosen ?? sites[0]?.name;
  const collect = useChange(collected);
  const begin = (name: string) => {
    setBegan(Date.now());
    const at = new Date().toISOString().slice(0, 16).replace(/\D/g, "");
    collect.mutate(name, { onSuccess: ({ archive }) => save(`armilla-support-${name}-${at}.tar.gz`, archive) });
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
          {collect.isPending && <p role="status">{t("settings.supportGoing", { seconds: EACH })} <span className="muted"><Took from={began} to={undefined} /></span></p>}
          {collect.isSuccess && <Made {...collect.data} />}
          <Problem error={collect.error} title={t("settings.supportFailed")} />
        </>
      )}
      <CopyAsCli command={site === undefined ? "armilla support collect" : `armilla support collect -s ${site}`} />
    </Section>
  );
}
