import { useText } from "../../i18n";
import { Banner, Button, Bytes } from "../../kit";
import { assign } from "../../parts/site/roles";
import { withRoles } from "../../parts/site/text";
import { HostTable, type Row } from "./table";
import { Twin, type StepProps } from "./step";
import type { Role } from "../../parts/hosts";

/** Who leads and who works: assigned with a reason, changed with one click. */
export function RolesStep({ draft, view: read, flaws, change, go, foot }: StepProps) {
  const t = useText();
  const automatic = assign(read.hosts.map(({ name, address }) => ({ name, ...draft.strengths?.[address] })));
  const reason = (index: number): string => {
    const [wanted, is] = [automatic[index], read.hosts[index]?.roles ?? []];
    if (draft.ownRoles || !wanted || wanted.roles.join() !== is.join()) return t("parts.why.told");
    return t(`parts.why.${wanted.reason}`);
  };
  const give = (all: Role[][]) => change({ text: withRoles(draft.text, all), ownRoles: true });
  /** As many as this version installs: whoever led before works from now on. */
  const lead = (index: number) => give(read.hosts.map(({ roles }, at) => (at === index ? ["control-plane", ...(read.hosts.length === 1 ? ["worker" as const] : [])] : roles.includes("control-plane") ? ["worker"] : roles)));
  const work = (index: number, works: boolean) => give(read.hosts.map(({ roles }, at) => (at !== index ? roles : works ? ["control-plane", "worker"] : ["control-plane"])));
  const again = () => change({ text: withRoles(draft.text, automatic.map(({ roles }) => roles)), ownRoles: false });
  const leads = read.hosts.filter(({ roles }) => roles.includes("control-plane")).length;
  return (
    <>
      <p className="muted">{t("install.rolesLead")}</p>
      {leads !== 1 && <Banner tone="warning" title={t("install.leads", { count: leads })} />}
      <HostTable hosts={read.hosts} flaws={flaws} more={[
        ...(draft.strengths ? [
          { id: "cpus", title: t("install.cpus"), width: 70, number: true, cell: ({ address }: Row) => draft.strengths?.[address]?.cpus ?? "–" },
          { id: "memory", title: t("install.memory"), width: 90, number: true, cell: ({ address }: Row) => memory(draft.strengths?.[address]?.memory) },
        ] : []),
        {
          id: "lead", title: t("install.controlPlane"), width: 130, cell: ({ index, name, roles }) => (
            <input type="radio" name="lead" aria-label={t("install.leadOne", { name })} checked={roles.includes("control-plane")} onChange={() => lead(index)} />
          ),
        },
        {
          id: "work", title: t("install.worker"), width: 110, cell: ({ index, name, roles }) => (
            <input type="checkbox" aria-label={t("install.workOne", { name })} checked={roles.includes("worker")} disabled={!roles.includes("control-plane")} onChange={(event) => work(index, event.target.checked)} />
          ),
        },
        { id: "reason", title: t("install.reason"), width: 200, grow: 3, cell: ({ index }) => <span className="muted">{reason(index)}</span> },
      ]} />
      <p className="muted">{t("install.oneLead")}</p>
      <Twin verb="check" draft={draft} view={read} />
      {foot(
        <>
          <Button onClick={again} disabled={!draft.ownRoles}>{t("install.assign")}</Button>
          <Button kind="primary" disabled={leads !== 1} onClick={() => go()}>{t("install.next")}</Button>
        </>,
      )}
    </>
  );
}

const memory = (count: number | undefined) => (count === undefined ? "–" : <Bytes count={count} />);
