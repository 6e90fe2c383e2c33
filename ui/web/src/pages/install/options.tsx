import { useText } from "../../i18n";
import { Banner, Button, Check, Field, Problem, Section, Select } from "../../kit";
import { put, type Path } from "../../parts/site/text";
import { Networks } from "./networks";
import { Twin, type StepProps } from "./step";

/** A field of the text: its path, its default, how it is written. */
type Option = { path: Path; text: string; usual?: string; as?: "list" | "number" };

const NETWORK: Option[] = [
  { path: ["network", "podCIDR"], text: "install.podCidr", usual: "10.244.0.0/16" },
  { path: ["network", "serviceCIDR"], text: "install.serviceCidr", usual: "10.96.0.0/12" },
  { path: ["network", "clusterDomain"], text: "install.clusterDomain", usual: "cluster.local" },
  { path: ["network", "nodePortRange"], text: "install.nodePorts", usual: "30000-32767" },
];
const API: Option[] = [
  { path: ["api", "port"], text: "install.apiPort", usual: "6443", as: "number" },
  { path: ["api", "endpoint"], text: "install.apiEndpoint" },
  { path: ["api", "names"], text: "install.apiNames", as: "list" },
  { path: ["dns", "upstreams"], text: "install.dnsUpstreams", as: "list" },
  { path: ["time", "servers"], text: "install.timeServers", as: "list" },
  { path: ["dataRoot"], text: "install.dataRoot", usual: "/var/lib" },
  { path: ["slowness"], text: "install.slowness", usual: "1", as: "number" },
];

/** What a site may say beside its hosts. Every input has a default: there is nothing that must be typed. */
export function OptionsStep({ draft, view: read, flaws, change, go, foot }: StepProps) {
  const t = useText();
  const write = (path: Path, value: unknown) => change({ text: put(draft.text, path, value) });
  const field = (option: Option) => <OptionField key={option.text} option={option} {...{ draft, view: read, flaws, write }} />;
  const on = (path: Path) => read.at(...path) !== "false";
  const mode = read.at("kubeProxy", "mode") || "auto";
  const shown = [...NETWORK, ...API].map(({ path }) => `/${path.join("/")}`);
  return (
    <div className="wizard-form">
      <p className="muted">{t("install.optionsLead")}</p>
      {read.broken && <Banner tone="danger" title={t("install.broken", { line: read.broken.line, why: read.broken.message })} />}
      <Section title={t("install.network")}>
        <div className="two">{NETWORK.map(field)}</div>
        <Networks view={read} />
        <Select label={t("install.kubeProxy")} value={mode} onChange={(value) => write(["kubeProxy", "mode"], value === "auto" ? undefined : value)}
          options={["auto", "nftables", "iptables"].map((value) => ({ value, label: t(`install.kubeProxy.${value}`) }))} />
      </Section>
      <Section title={t("install.addons")}>
        <Check label={t("install.metricsServer")} checked={on(["addons", "metricsServer"])} onChange={(yes) => write(["addons", "metricsServer"], yes ? undefined : false)} hint={t("install.metricsServerHint")} />
        <Check label={t("install.localPath")} checked={on(["addons", "localPath"])} onChange={(yes) => write(["addons", "localPath"], yes ? undefined : false)} hint={t("install.localPathHint")} />
      </Section>
      <Section title={t("install.more")}><div className="two">{API.map(field)}</div></Section>
      <p className="muted">{t("install.moreInYaml")}</p>
      <Problem error={flaws.error} title={t("install.flaws")} shown={shown} />
      <Twin verb="check" draft={draft} view={read} />
      {foot(<Button kind="primary" disabled={Boolean(flaws.error)} onClick={() => go()}>{t("install.next")}</Button>)}
    </div>
  );
}

type FieldProps = { option: Option; write: (path: Path, value: unknown) => void } & Pick<StepProps, "view" | "flaws">;

function OptionField({ option: { path, text, usual, as }, view: read, flaws, write }: FieldProps) {
  const t = useText();
  const list: string[] = [];
  for (let index = 0; as === "list" && read.has(...path, index); index += 1) list.push(read.at(...path, index));
  const value = as === "list" ? list.join(", ") : read.at(...path);
  const change = (typed: string) => {
    const items = typed.split(/[\s,]+/);
    const written = as === "list" ? (items.at(-1) === "" ? [...items.filter(Boolean), ...(items.length > 1 ? [""] : [])] : items) : as === "number" && /^\d+$/.test(typed) ? Number(typed) : typed;
    write(path, typed.trim() === "" ? undefined : written);
  };
  const pointer = `/${path.join("/")}`;
  const error = flaws.at(pointer) ?? flaws.error?.problem.errors?.find((flaw) => flaw.pointer.startsWith(`${pointer}/`))?.detail;
  return <Field label={t(text)} value={value} onChange={change} error={error} autoComplete="off" {...(usual && { hint: t("install.usual", { value: usual }) })} />;
}
