/**
 * How one logs in, between a form and the text of a site. Secrets are never in the text: it names variables and a key file, and
 * what they stand for is sealed on the server (`PUT /api/v1/sites/{name}/credentials/{id}`).
 */
import { put, type SiteView } from "../site/text";
import { login as parseLogin } from "./pasted";

export type Login = {
  user: string;
  way: "key" | "password";
  /** The private key or the password; empty: what was given before stays. */
  secret: string;
  /** What the key is called: `~/.ssh/NAME`. */
  keyName: string;
  passphrase: string;
  sudo: string;
  /** `[user@]address[:port]`, hops between commas. */
  jump: string;
};

export const PASSWORD = "ARMILLA_SSH_PASSWORD";
const PASSPHRASE = "ARMILLA_KEY_PASSPHRASE";
const SUDO = "ARMILLA_SUDO_PASSWORD";

export const empty: Login = { user: "root", way: "password", secret: "", keyName: "id_ed25519", passphrase: "", sudo: "", jump: "" };

/** What the text says of it. A text without hosts' login yet says nothing: then it is the usual one. */
export function loginOf(site: SiteView): Login {
  const keyFile = site.at("ssh", "keyFile");
  const hops: string[] = [];
  for (let index = 0; site.has("jump", index); index += 1) {
    const [address, user, port] = [site.at("jump", index, "address"), site.at("jump", index, "user"), site.at("jump", index, "port")];
    hops.push(`${user && `${user}@`}${address}${port && `:${port}`}`);
  }
  return {
    ...empty,
    user: site.at("ssh", "user") || empty.user,
    way: keyFile ? "key" : "password",
    keyName: keyFile.split("/").at(-1) || empty.keyName,
    jump: hops.join(", "),
  };
}

/** Which input is wrong, if one is. */
export function flawOf({ user, jump }: Login): { user?: true; jump?: true } {
  const hops = jump.split(/[\s,]+/).filter(Boolean).map(parseLogin);
  return { ...(typeof parseLogin(`${user}@h`) === "string" && { user: true }), ...(hops.some((hop) => typeof hop === "string") && { jump: true }) };
}

/** The text with this login. What it says of hosts one by one stays, and counts before this. */
export function withLogin(text: string, before: SiteView, { user, way, keyName, passphrase, sudo, jump }: Login): string {
  const hops = jump.split(/[\s,]+/).filter(Boolean).map(parseLogin).filter((hop) => typeof hop !== "string");
  const variable = (name: string) => ({ env: name });
  const key = way === "key";
  // A file or variable of the operator's own naming stays as it is named.
  const keep = (path: string[], wanted: boolean, value: unknown) => (wanted && before.has(...path) ? undefined : ([path, wanted ? value : undefined] as const));
  const changes = [
    [["ssh", "user"], user === "root" || user === "" ? undefined : user] as const,
    keep(["ssh", "keyFile"], key, `~/.ssh/${keyName || empty.keyName}`),
    keep(["ssh", "passphrase"], key && (passphrase !== "" || before.has("ssh", "passphrase")), variable(PASSPHRASE)),
    keep(["ssh", "password"], !key, variable(PASSWORD)),
    keep(["sudo", "password"], sudo !== "" || before.has("sudo", "password"), variable(SUDO)),
    [["jump"], hops.length > 0 ? hops : undefined] as const,
  ];
  return changes.reduce((now, change) => (change ? put(now, change[0], change[1]) : now), text);
}

/** A secret that a site refers to, as the server lists it. */
export type Reference = { id: string; kind: string; from: string; what: string };

/** What of a login goes into which place of the store. */
export function secretsFor(login: Login, references: readonly Reference[]): { id: string; secret: string }[] {
  return references.flatMap(({ id, kind, from, what }) => {
    const secret = kind === "privateKey" ? (login.way === "key" ? login.secret : "")
      : /^passphrase/.test(what) || from.endsWith(PASSPHRASE) ? login.passphrase
      : /^sudo/.test(what) || from.endsWith(SUDO) ? login.sudo
      : kind === "secret" && login.way === "password" && /^password of /.test(what) ? login.secret : "";
    return secret === "" ? [] : [{ id, secret: kind === "privateKey" && !secret.endsWith("\n") ? `${secret}\n` : secret }];
  });
}
