import { useQuery } from "@tanstack/react-query";
import { api, type Item } from "../../api/client";
import { useRead } from "../../api/data";
import { me } from "../../api/session";
import { locale, useText } from "../../i18n";
import { Ago, Banner, CopyAsCli, Copyable, Drawer, duration, Facts, Progress, Section, Stale, State, type Tone } from "../../kit";
import { useSaid } from "../../said";
import { accelerators, filesystems, realDisks, realNics, size, type Facts as Found, type Surveyed } from "./facts";

type Host = Item<"List_Host">;
/** installer/model/src/finding.rs */
type Finding = { id: string; severity: "info" | "warn" | "refuse"; host?: string | null; title: Words; observed: string; wanted: string; fix?: Words | null };
type Words = { en: string; zh: string };

/** All that is known of one host. */
export function HostDrawer({ site, host, surveyed, onClose }: { site: string; host: Host; surveyed: Surveyed | undefined; onClose: () => void }) {
  const t = useText();
  const { name, user, address, port } = host;
  const place = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  const keys = useRead(["hostKeys"], () => api.GET("/api/v1/host-keys"));
  const key = keys.data?.items.find((each) => each.place === place);
  const admin = useQuery(me).data?.role !== "viewer";
  return (
    <Drawer title={name} onClose={onClose}>
      <Facts of={[
        [t("hosts.address"), <Copyable key="address" value={`${user}@${place}`} what={t("hosts.address")} />],
        [t("hosts.key"), key ? <Copyable key="key" value={key.fingerprint} keep={12} what={t("hosts.key")} /> : t("hosts.keyUnknown")],
        [t("hosts.seen"), <Ago key="seen" at={surveyed ? surveyed.surveyedUnixNs / 1e6 : undefined} />],
      ]} />
      {surveyed ? <Known surveyed={surveyed} /> : <Banner tone="info" title={t("hosts.notSurveyed")} />}
      <Findings site={site} host={name} />
      {admin && <CopyAsCli command={`armilla host shell ${name} -s ${site}`} />}
      <CopyAsCli command={`armilla host facts ${name} -s ${site}`} />
    </Drawer>
  );
}

function Known({ surveyed: { facts, surveyedUnixNs, sshRttUs, clockSkewMs } }: { surveyed: Surveyed }) {
  const t = useText();
  const { os, kernelRelease, machine, cpu, memory, virtualization, cgroup, selinux, firewalls, timeServices, init, fsync } = facts;
  const none = t("hosts.none");
  const millis = (us: number) => duration(us / 1000, locale());
  return (
    <>
      <Section title={t("hosts.system")} actions={<Stale at={surveyedUnixNs / 1e6} />}>
        <Facts of={[
          [t("hosts.os"), os?.prettyName ?? "–"],
          [t("hosts.kernel"), <span key="kernel" className="mono">{kernelRelease ?? "–"}</span>],
          [t("hosts.arch"), machine ?? "–"],
          [t("hosts.cpu"), [cpu.count, cpu.model].filter(Boolean).join(" × ") || "–"],
          [t("hosts.memory"), memory ? `${size(memory.total, locale())}${memory.swapTotal > 0 ? ` + swap ${size(memory.swapTotal, locale())}` : ""}` : "–"],
          [t("hosts.virtualization"), virtualization ?? none],
          [t("hosts.init"), [init.process, init.systemdVersion].filter(Boolean).join(" ") || "–"],
          [t("hosts.cgroup"), cgroup?.version ?? "–"],
          [t("hosts.selinux"), selinux ?? "–"],
          [t("hosts.firewall"), firewalls.join(", ") || none],
          [t("hosts.time"), timeServices.join(", ") || none],
          [t("hosts.skew"), clockSkewMs == null ? "–" : duration(Math.abs(clockSkewMs), locale())],
          [t("hosts.rtt"), sshRttUs == null ? "–" : millis(sshRttUs)],
          [t("hosts.fsync"), fsync ? millis(fsync.p99Us) : "–"],
        ]} />
      </Section>
      <Storage facts={facts} />
      <Section title={t("hosts.nics")}>
        <ul className="things">
          {realNics(facts).map(({ name, up, mtu, mac, addresses }) => (
            <li key={name}>
              <strong className="mono">{name}</strong> <State tone={up ? "ok" : "wait"}>{t(up ? "hosts.up" : "hosts.down")}</State> <span className="muted">{[mtu && `MTU ${mtu}`, mac].filter(Boolean).join(" · ")}</span>
              <div className="mono">{addresses.map(({ address, prefix }) => `${address}/${prefix}`).join(", ")}</div>
            </li>
          ))}
        </ul>
      </Section>
      <Section title={t("hosts.accelerators")}>
        {facts.accelerators.length === 0 ? <p className="muted">{t("hosts.noAccelerators")}</p> : (
          <ul className="things">
            {facts.accelerators.map((device) => (
              <li key={device.address}><strong>{accelerators([{ ...device, virtualFunction: false }])}</strong> <span className="mono muted">{device.address}</span> {device.driver ? <span className="muted">{device.driver}</span> : <State tone="warn">{t("hosts.noDriver")}</State>}</li>
            ))}
          </ul>
        )}
      </Section>
    </>
  );
}

function Storage({ facts }: { facts: Found }) {
  const t = useText();
  return (
    <Section title={t("hosts.disks")}>
      <ul className="things">
        {realDisks(facts).map(({ name, bytes, rotational }) => (
          <li key={name}><strong className="mono">{name}</strong> {size(bytes, locale())} <span className="muted">{rotational == null ? "" : t(rotational ? "hosts.rotates" : "hosts.flash")}</span></li>
        ))}
        {filesystems(facts).map(({ path, paths, totalBytes, freeBytes, fsType }) => (
          <li key={path}>
            <span className="mono">{paths.join(" ")}</span> <span className="muted">{fsType}</span> {t("hosts.freeOf", { free: size(freeBytes, locale()), of: size(totalBytes, locale()) })}
            <Progress value={totalBytes - freeBytes} of={totalBytes} label={path} tone={freeBytes < 0.1 * totalBytes ? "warn" : "run"} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

const TONES: Record<Finding["severity"], Tone> = { info: "ok", warn: "warn", refuse: "bad" };

/** What the last check has against this host, what stops an installation first. */
function Findings({ site, host }: { site: string; host: string }) {
  const t = useText();
  const say = useSaid();
  const check = useRead(["checks", site], () => api.GET("/api/v1/sites/{name}/checks", { params: { path: { name: site } } }));
  const rank = { refuse: 0, warn: 1, info: 2 };
  const own = ((check.data?.findings ?? []) as unknown as Finding[]).filter((finding) => finding.host === host).sort((a, b) => rank[a.severity] - rank[b.severity]);
  if (!check.data) return null;
  const words = (text: Words) => (locale() === "zh-CN" ? text.zh : text.en);
  return (
    <Section title={t("hosts.findings")}>
      {own.length === 0 ? <p className="muted">{t("hosts.noFindings")}</p> : (
        <ul className="things">
          {own.map((finding) => (
            <li key={finding.id}>
              <State tone={TONES[finding.severity]}>{words(finding.title)}</State>
              <div className="muted">{t("hosts.found", { observed: say(finding.observed), wanted: say(finding.wanted) })}</div>
              {finding.fix && <div>{words(finding.fix)}</div>}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
