/**
 * Installations that somebody is in the midst of, for the wizard's steps: one whose hosts are as they were recorded, with everything
 * that a check can find; and one that came from another installer, whose hosts have logins of their own.
 *
 *     hall-3   looked at: what stops, what is waived, what cannot be waived, what can be mended, notes; its plan is made
 *     line-2   imported
 */
import { readFileSync } from "node:fs";
import { SHUT, SITE } from "./recorded";

/** What `preflight.test.ts` wrote down of three spoiled hosts: their check, and what a dry run would mend. */
type Spoiled = { checks: { findings: { id: string; title: { en: string; zh: string } }[] }; repairs: object };
type Body = Record<string, unknown>;
type Recording = (asked: string) => Body | undefined;

export const BEGUN = "hall-3";
const MINUTE = 60_000;
const PLAN = "5eed".repeat(16);
const WAIVED = "ports";

const TEXT = [
  "apiVersion: armilla/v1", "kind: Site", "metadata:", `  name: ${BEGUN}`, "hosts:",
  ...["h1", "h2", "h3"].map((name, at) => `  - {name: ${name}, address: 10.77.0.1${at + 1}, roles: [${at === 0 ? "control-plane" : "worker"}]}`),
  "ssh:", "  password:", "    env: ARMILLA_SSH_PASSWORD", "",
].join("\n");

const REPORT = [
  { file: "config.yaml", document: "Cluster", path: "spec.hosts[0].password", line: 6, why: "secret", reason: "a password is not copied: the draft refers to an environment variable" },
  { file: "config.yaml", document: "Cluster", path: "spec.kubernetes.containerManager", line: 10, why: "no-place", reason: "containerd is the runtime" },
];

const spoiled = JSON.parse(readFileSync("e2e/findings.json", "utf8")) as Spoiled;

/** What a check that found something is called, in whichever language. */
export function titleOf(check: string): RegExp {
  const title = spoiled.checks.findings.find(({ id }) => id === check)?.title;
  if (!title) throw new Error(`nothing that ${check} found was recorded`);
  return new RegExp(`^(${title.en}|${title.zh})$`);
}

export class Begun {
  private revision = 700;

  constructor(private readonly recording: Recording, private readonly now: number) {}

  /** What is said to this; nothing: it is not about these sites. */
  answer(method: string, path: string): Body | undefined {
    const asked = `${method} ${path}`;
    if (asked === "GET /drafts") return { items: [SHUT, BEGUN].map((site) => ({ ...this.kept(), site })), total: 2 };
    if (asked === "GET /sites") return { items: [...((this.recording(asked)?.items ?? []) as Body[]), this.site()] };
    const draft = [SHUT, BEGUN].find((site) => path === `/sites/${site}/draft`);
    if (draft && method === "PUT") return { ...this.kept((this.revision += 1)), site: draft, content: {} };
    if (draft) return { ...this.kept(), site: draft, content: this.content(draft) };
    const plan = /^\/plans\/([^/]+)(.*)$/.exec(path);
    if (plan?.[1] === PLAN) return this.plan(plan[2] ?? "");
    return path.startsWith(`/sites/${BEGUN}`) ? this.ofSite(method, path.slice(`/sites/${BEGUN}`.length)) : undefined;
  }

  private ofSite(method: string, part: string): Body | undefined {
    if (part === "") return this.site();
    if (part === "/credentials") return { items: [{ id: "c0ffee", kind: "secret", from: "environment variable ARMILLA_SSH_PASSWORD", what: "password of root@10.77.0.11", given: true }] };
    if (part === "/checks") return { ...spoiled.checks, site: BEGUN, at: this.now - MINUTE / 2, findings: this.findings(), stopping: this.findings().filter(({ severity, waived }) => severity === "refuse" && !waived).length };
    if (part === "/repairs") return spoiled.repairs as Body;
    if (part === "/plans" && method === "POST") {
      const { steps, report } = this.plan("") as { steps: unknown[]; report: string[] };
      return { id: PLAN, steps: steps.length, report, findings: [], stopping: 0, strangers: [], repaired: [] };
    }
    return undefined;
  }

  /** One of them somebody goes on in spite of. */
  private findings(): Body[] {
    const kept = { waiver: { check: WAIVED, host: "h1", reason: "it is gone by Monday" }, by: "anna", at: this.now - 2 * MINUTE, said: "server" };
    return (spoiled.checks.findings as Body[]).map((finding) => (finding.id === WAIVED ? { ...finding, waived: kept } : finding));
  }

  private site(): Body {
    const bundle = this.recording(`GET /sites/${SITE}`)?.bundle;
    return { name: BEGUN, text: TEXT, bundle, hosts: 3, founded: false, createdAt: this.now - 9 * MINUTE, changedAt: this.now - MINUTE, by: "anna", revision: 600 };
  }

  private kept(revision = this.revision): Body {
    return { changedAt: this.now - MINUTE, by: "anna", revision };
  }

  private content(site: string): Body {
    const { bundle } = this.site();
    if (site === BEGUN) return { text: TEXT, bundle, step: "preflight", paste: "", ownRoles: false };
    return { text: this.recording(`GET /sites/${SHUT}`)?.text, bundle, step: "hosts", paste: "", ownRoles: true, imported: { format: "kubekey-v1alpha2", report: REPORT } };
  }

  /** As the recorded site's, of another name. */
  private plan(part: string): Body {
    const recorded = this.recording(`GET /sites/${SITE}`)?.plan as string;
    const body = this.recording(`GET /plans/${recorded}${part}`) ?? {};
    return { ...(JSON.parse(JSON.stringify(body).replaceAll(SITE, BEGUN)) as Body), ...(part === "" && { id: PLAN }), ...(part === "/diff" && { against: null }) };
  }
}
