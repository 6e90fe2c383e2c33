import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect } from "vitest";
import type { Person } from "./browser";
import type { Hands } from "./hands";
import type { Lab } from "./lab";
import { program } from "./server";
import type { Say } from "./words";

const path = resolve(process.env.BUNDLE ?? program.replace(/armilla$/, "armilla.bundle"));
/** What `.ci/bundle` builds, and the key that it is sealed with. */
export const bundle = { path, pem: () => readFileSync(join(dirname(path), "..", "bundle.key.pub"), "utf8") };
/** Looks and plans take what hosts take; a machine that does much else takes its time. */
const PATIENCE = { timeout: 120_000 };
const WHOLE_RUN = { timeout: 600_000 };

export type User = { name: string; password: string };

/** The way from a server that nobody knows to a cluster, as a person goes it with these hands and in this language. */
export class Way {
  constructor(private readonly person: Person, private readonly hands: Hands, private readonly say: Say, private readonly look: (what: string) => Promise<void>) {}

  private get page() {
    return this.person.page;
  }

  private heading(id: string, level: number, values?: Record<string, string>) {
    return this.page.getByRole("heading", { name: this.say(id, values), level, exact: true });
  }

  /** From the setup code to a bundle whose every byte was held against its seal. */
  async begin(code: string, fingerprint: string, { name, password }: User): Promise<void> {
    const { hands, say, page } = this;
    await page.goto("/");
    await page.getByText(fingerprint).waitFor();
    await this.look("welcome");
    await hands.type(say("app.code"), code);
    await hands.type(say("app.administrator"), name);
    await hands.type(say("app.password"), password);
    await hands.type(say("app.passwordAgain"), password);
    await hands.press("button", say("app.setUp"));
    await this.heading("dashboard.title", 1).waitFor();
    await this.look("dashboard-first");

    await hands.press("link", say("dashboard.toBundles"));
    await hands.choose(say("bundles.choose"), bundle.path);
    await page.getByRole("dialog").waitFor();
    await this.look("bundle-trust");
    await hands.press("button", say("bundles.trustAndUpload"));
    await page.getByRole("row", { name: /sha256/ }).waitFor(PATIENCE);
    await page.getByRole("progressbar").waitFor({ state: "detached" });
    await this.look("bundles-one");
  }

  /** From the bundle to the step in which hosts are named. */
  async toHosts(): Promise<void> {
    await this.hands.press("link", this.say("bundles.install"));
    await this.heading("install.title", 1).waitFor();
    await this.look("install");
    await this.hands.press("button", this.say("install.begin"));
    await this.heading("install.step.hosts", 2).waitFor();
  }

  /** From addresses on a sheet of paper to roles. */
  async connect(lab: Lab): Promise<void> {
    const { hands, say, page } = this;
    await hands.type(say("parts.paste"), lab.addresses.join("\n"));
    await hands.type(say("parts.password"), lab.password);
    await this.look("install-hosts");
    const count = lab.addresses.length;
    await hands.press("button", say("install.connect", { count }));
    await page.getByText(say("parts.newKeys", { count })).first().waitFor(PATIENCE);
    await this.look("install-keys");
    await hands.press("button", say("parts.trust", { count }));
    await this.heading("install.step.roles", 2).waitFor(PATIENCE);
    await this.look("install-roles");
    // Hosts of a lab write to the disk of one machine, which may be busy with anything.
    const waiver = await this.person.context.request.post("/api/v1/sites/site-1/waivers", { data: { check: "fsync", reason: "the hosts share the disk of their machine" } });
    expect(waiver.ok(), await waiver.text()).toBe(true);
  }

  async next(step: string): Promise<void> {
    await this.hands.press("button", this.say("install.next"));
    await this.heading(`install.step.${step}`, 2).waitFor();
  }

  /** Through what was found to a plan, and from the plan to a run; its page stands then. */
  async install(hosts: number): Promise<void> {
    const { hands, say, page } = this;
    await this.next("preflight");
    await expect.poll(() => page.getByRole("button", { name: say("install.next"), exact: true }).isEnabled(), PATIENCE).toBe(true);
    await this.look("install-preflight");
    await this.next("review");
    await page.getByRole("heading", { name: say("install.planText") }).waitFor(PATIENCE);
    await this.look("install-review");
    await hands.press("button", say("install.install", { count: hosts }));
    await page.getByRole("progressbar", { name: say("runs.share") }).waitFor(PATIENCE);
  }

  /** Until the run has ended well. */
  async healthy(): Promise<void> {
    await this.page.locator(".run-top .state", { hasText: this.say("runs.state.healthy") }).waitFor(WHOLE_RUN);
  }
}
