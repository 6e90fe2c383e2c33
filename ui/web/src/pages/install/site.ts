/** What the wizard asks of the server. */
import { useEffect, useState } from "react";
import { api, type Of } from "../../api/client";
import { settle, Trouble } from "../../api/problem";
import { isOf, ownSecretsFor, secretsFor, type Login, type OwnSecret } from "../../parts/hosts";
import type { Survey } from "../../parts/site/surveyed";
import type { Finding } from "./findings";

const of = (name: string) => ({ params: { path: { name } } });

/** The site as the server has it, if it has one. */
export async function siteOf(name: string): Promise<Of<"Site"> | undefined> {
  try {
    return (await settle(api.GET("/api/v1/sites/{name}", of(name)))).body;
  } catch (error) {
    if (error instanceof Trouble && error.kind === "not-found") return undefined;
    throw error;
  }
}

/** Makes the server's site what the draft says; nothing is written that is there already. */
export async function keepSite(name: string, text: string, bundle: string | undefined): Promise<Of<"Site">> {
  const now = await siteOf(name);
  const body = { text, ...(bundle && { bundle }) };
  if (now && now.text === text && (now.bundle ?? undefined) === bundle) return now;
  if (!now) return (await settle(api.POST("/api/v1/sites", { body }))).body as Of<"Site">;
  const headers = { "If-Match": `"${now.revision}"` };
  return (await settle(api.PUT("/api/v1/sites/{name}", { ...of(name), body, headers }))).body;
}

/** Seals what was typed, where the site refers to it: what hosts have for themselves, and the login of all others. */
export async function giveSecrets(name: string, login: Login, own: readonly OwnSecret[], typed: Readonly<Record<string, string>>): Promise<void> {
  const { body } = await settle(api.GET("/api/v1/sites/{name}/credentials", of(name)));
  const shared = body.items.filter((reference) => !own.some((secret) => isOf(secret, reference)));
  for (const { id, secret } of [...secretsFor(login, shared), ...ownSecretsFor(own, typed, body.items)]) {
    await settle(api.PUT("/api/v1/sites/{name}/credentials/{id}", { params: { path: { name, id } }, body: { secret } }));
  }
}

export const scan = async (name: string) => (await settle(api.POST("/api/v1/sites/{name}/scan", of(name)))).body;

/** What the last look at the hosts said of them. */
export const surveyOf = async (name: string) => (await settle(api.GET("/api/v1/sites/{name}/survey", of(name)))).body as Survey;

/** A check that is not older than the site; otherwise the hosts are looked at again. */
export async function check(name: string, site: Of<"Site">, anew: boolean): Promise<Checked> {
  const before = anew ? undefined : await settle(api.GET("/api/v1/sites/{name}/checks", of(name))).then(({ body }) => body, () => undefined);
  const body = before && before.at >= site.changedAt ? before : (await settle(api.POST("/api/v1/sites/{name}/checks", of(name)))).body;
  return { at: body.at, stopping: body.stopping, findings: body.findings as unknown as Finding[] };
}

export type Checked = { at: number; stopping: number; findings: Finding[] };

export type Flaws = { error: Trouble | undefined; at: (pointer: string) => string | undefined };

/** What the server says of the text, a moment after it was typed. */
export function useFlaws(text: string): Flaws {
  const [error, setError] = useState<Trouble>();
  useEffect(() => {
    const ended = { now: false };
    const ask = async () => {
      const said = await settle(api.POST("/api/v1/sites/validate", { body: { text } })).then(() => undefined, (trouble: unknown) => trouble);
      // No answer is no flaw of the text.
      if (!ended.now) setError(said instanceof Trouble && said.problem.status === 422 ? said : undefined);
    };
    const timer = setTimeout(() => void ask(), 300);
    return () => {
      ended.now = true;
      clearTimeout(timer);
    };
  }, [text]);
  return { error, at: (pointer) => error?.at(pointer) };
}
