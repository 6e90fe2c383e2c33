/** Which of the ways to mend it an obstacle needs: the way to the host, the login, the key. Pure. */
export type Kind = "unreachable" | "login" | "keyChanged" | "other";
/** As a scan tells it: about whom, in words. */
export type Obstacle = { pointer: string; detail: string };

/** How the server begins each kind (installer/ssh/src/error.rs); what begins otherwise is shown as it is. */
const BEGINNINGS: [RegExp, Kind][] = [
  [/^failed to (reach|greet|keep the connection to) /, "unreachable"],
  [/^failed to (log in to|use the key|run commands on|become root on) /, "login"],
  [/^failed to trust \S+: its host key was /, "keyChanged"],
];

export const kindOf = ({ detail }: Obstacle): Kind => BEGINNINGS.find(([beginning]) => beginning.test(detail))?.[1] ?? "other";

/** A host whose key nobody vouched for yet is no obstacle: its key is asked about. */
export const isAsked = ({ detail }: Obstacle): boolean => /: nobody vouched for its host key /.test(detail);

/** The key that a host shows now, in the place of the one that was trusted. */
export function newKey({ detail }: Obstacle): { place: string; fingerprint: string } | undefined {
  const [, place, fingerprint] = /^failed to trust (\S+): its host key was SHA256:\S+ and is now (SHA256:[A-Za-z0-9+/]{43})/.exec(detail) ?? [];
  return place && fingerprint ? { place, fingerprint } : undefined;
}

/** `/hosts/h1` is about h1. */
export const hostOf = ({ pointer }: Obstacle): string => pointer.replace(/^\/hosts\//, "").replaceAll("~1", "/").replaceAll("~0", "~");
