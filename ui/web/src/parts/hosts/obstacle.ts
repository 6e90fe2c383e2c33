/** What keeps a host away, as a scan tells it. Pure. */
import type { Of } from "../../api/client";

export type Obstacle = Of<"Obstacle">;
/** Which of the ways to mend it an obstacle needs: the way to the host, the login, the key. */
export type Kind = "unreachable" | "login" | "keyChanged" | "other";

/** A key or a secret that is asked for is not in the way beside that question. */
export const isAsked = ({ kind }: Obstacle): boolean => kind === "keyUnknown" || kind === "secretMissing";

/** A kind that this page does not know is shown as it is. */
export const kindOf = ({ kind }: Obstacle): Kind => (kind === "unreachable" || kind === "login" || kind === "keyChanged" ? kind : "other");

/** `/hosts/h1` is about h1. */
export const hostOf = ({ pointer }: Obstacle): string => pointer.replace(/^\/hosts\//, "").replaceAll("~1", "/").replaceAll("~0", "~");
