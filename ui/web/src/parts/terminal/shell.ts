/**
 * One terminal over WebSocket, as `appliance/api` speaks it: bytes both ways, `{"resize":…}` to the server, `{"exit":…}` from
 * it before it closes.
 */

export type Size = { columns: number; rows: number };

/** How a terminal ended. `lost`: the line was cut, or it could not be opened. */
export type End = { why: "exit"; code: number | null; message: string | null } | { why: "closed"; reason: string } | { why: "lost"; opened: boolean };

type Heard = { opened: () => void; shown: (bytes: Uint8Array) => void; ended: (end: End) => void };

/** Bytes of one message: the server takes 64 KiB. */
const MESSAGE = 32 * 1024;

/** What a text message of the server says: how the shell ended. Others are passed over. */
export function exitOf(text: string): End | undefined {
  try {
    const said = JSON.parse(text) as { exit?: { code?: number | null; message?: string | null } };
    return said.exit && { why: "exit", code: said.exit.code ?? null, message: said.exit.message ?? null };
  } catch {
    return undefined;
  }
}

/** What is typed in pieces that the server takes. */
export function pieces(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const count = Math.ceil(bytes.length / MESSAGE);
  return Array.from({ length: count }, (_, place) => new Uint8Array(bytes.slice(place * MESSAGE, (place + 1) * MESSAGE)));
}

/** The address of a terminal of this origin. */
export function address(path: string, size: Size, more: Record<string, string>): string {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol.replace("http", "ws");
  for (const [name, value] of Object.entries({ columns: size.columns, rows: size.rows, ...more })) url.searchParams.set(name, String(value));
  return url.href;
}

/** Opens a terminal; `ended` is told once. */
export class Shell {
  private readonly socket: WebSocket;
  private end: End | undefined;
  private opened = false;

  constructor(url: string, heard: Heard) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.opened = true;
      heard.opened();
    };
    this.socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") this.end ??= exitOf(data);
      else heard.shown(new Uint8Array(data));
    };
    this.socket.onclose = ({ code, reason }) => {
      // 1006: there was no goodbye.
      heard.ended(this.end ?? (code === 1006 ? { why: "lost", opened: this.opened } : { why: "closed", reason }));
    };
  }

  type(bytes: Uint8Array): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    for (const piece of pieces(bytes)) this.socket.send(piece);
  }

  resize({ columns, rows }: Size): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ resize: { columns, rows } }));
  }

  /** Leaves; nothing is told any more. */
  leave(): void {
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close();
  }
}
