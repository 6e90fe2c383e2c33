/**
 * Secrets that a text asks for host by host, such as one that came from another installer with a password for each host. Each
 * distinct one is asked for once. Pure; as with the login that hosts share, nothing secret is in the text.
 */
import type { SiteView } from "../site/text";
import type { Reference } from "./login";

export type OwnSecret = {
  /** As the text names it: a variable or a file; of a question, what is asked for. */
  from: string;
  kind: "password" | "sudo" | "passphrase" | "key";
  hosts: string[];
};

/** In the order of the hosts; a variable that serves as password and for sudo is one secret. */
export function ownSecrets(site: SiteView): OwnSecret[] {
  const found = new Map<string, OwnSecret>();
  site.hosts.forEach(({ name, address, user }, index) => {
    const at = (...path: string[]) => site.at("hosts", index, ...path);
    const asked = (...path: string[]) => (at(...path, "prompt") === "true" ? `password of ${user || site.at("ssh", "user") || "root"}@${address}` : "");
    const named = (...path: string[]) => at(...path, "env") || at(...path, "file");
    const note = (kind: OwnSecret["kind"], from: string) => {
      if (from === "") return;
      const known = found.get(from) ?? { from, kind, hosts: [] };
      found.set(from, known);
      if (!known.hosts.includes(name)) known.hosts.push(name);
    };
    note("password", named("ssh", "password") || asked("ssh", "password"));
    note("key", at("ssh", "keyFile"));
    note("passphrase", named("ssh", "passphrase"));
    const sudo = asked("sudo", "password");
    note("sudo", named("sudo", "password") || (sudo && `sudo ${sudo}`));
  });
  return [...found.values()];
}

/** Whether some host is logged in to as all are: without a password, key or agent of its own. */
export const sharesLogin = (site: SiteView): boolean =>
  site.hosts.length === 0 || site.hosts.some((_, index) => !["password", "keyFile", "agent"].some((way) => site.has("hosts", index, "ssh", way)));

/** Whether the server's reference is this secret: `environment variable NAME`, a file with the home folder written out, or the question itself. */
export function isOf({ from }: OwnSecret, reference: Reference): boolean {
  const path = from.replace(/^~/, "");
  return reference.from === from || reference.from === `environment variable ${from}` || (path.startsWith("/") && reference.from.endsWith(path));
}

/** What was typed goes into its own place of the store; what was not typed stays as it was. */
export function ownSecretsFor(own: readonly OwnSecret[], typed: Readonly<Record<string, string>>, references: readonly Reference[]): { id: string; secret: string }[] {
  return references.flatMap((reference) => {
    const secret = typed[own.find((each) => isOf(each, reference))?.from ?? ""] ?? "";
    return secret === "" ? [] : [{ id: reference.id, secret: reference.kind === "privateKey" && !secret.endsWith("\n") ? `${secret}\n` : secret }];
  });
}
