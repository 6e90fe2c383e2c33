/** Settings as they are typed, and what the server takes. Pure. */
import type { Of } from "../../api/client";

type Settings = Of<"Settings">;
export type Typed = {
  sessionHours: string;
  idleMinutes: string;
  runsAtOnce: string;
  publicUrl: string;
  oidc: boolean;
  issuer: string;
  clientId: string;
  nameClaim: string;
  groupsClaim: string;
  roles: { group: string; role: Of<"Role"> }[];
};

export function filled({ sessionHours, idleMinutes, runsAtOnce, publicUrl, oidc }: Settings): Typed {
  return {
    sessionHours: String(sessionHours),
    idleMinutes: String(idleMinutes),
    runsAtOnce: String(runsAtOnce),
    publicUrl: publicUrl ?? "",
    oidc: oidc != null,
    issuer: oidc?.issuer ?? "",
    clientId: oidc?.clientId ?? "",
    nameClaim: oidc?.nameClaim ?? "preferred_username",
    groupsClaim: oidc?.groupsClaim ?? "groups",
    roles: Object.entries(oidc?.roles ?? {}).map(([group, role]) => ({ group, role })),
  };
}

/** What is no number is sent as 0, which the server refuses by its place. */
export function read(typed: Typed): Settings {
  const { issuer, clientId, nameClaim, groupsClaim } = typed;
  const roles = Object.fromEntries(typed.roles.filter(({ group }) => group.trim()).map(({ group, role }) => [group.trim(), role]));
  return {
    sessionHours: whole(typed.sessionHours),
    idleMinutes: whole(typed.idleMinutes),
    runsAtOnce: whole(typed.runsAtOnce),
    ...(typed.publicUrl.trim() && { publicUrl: typed.publicUrl.trim() }),
    ...(typed.oidc && { oidc: { issuer: issuer.trim(), clientId: clientId.trim(), nameClaim: nameClaim.trim(), groupsClaim: groupsClaim.trim(), roles } }),
  };
}

const whole = (text: string) => (/^\d{1,9}$/.test(text.trim()) ? Number(text) : 0);

/** `KEY=VALUE` of what is another, as `armilla settings set` takes it. */
export function changedSettings(before: Settings, after: Settings): string[] {
  const keys = ["sessionHours", "idleMinutes", "runsAtOnce", "publicUrl", "oidc"] as const;
  const json = (value: unknown) => JSON.stringify(value ?? null, (_, inner: unknown) => sorted(inner));
  return keys.filter((key) => json(before[key]) !== json(after[key])).map((key) => {
    const value = after[key];
    return typeof value === "object" ? `'${key}=${JSON.stringify(value ?? null)}'` : `${key}=${value ?? "null"}`;
  });
}

/** With its keys in the order of the alphabet: two that say the same are the same text. */
const sorted = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
