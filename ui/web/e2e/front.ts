/**
 * Stands in front of a real `armilla serve`: answers some requests itself, and asks the server's socket for everything else. The
 * socket's caller is an administrator, so that nobody has to log in.
 *
 *     browser ──▶ front ──▶ STATE/armilla.sock
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type Server as Listener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import type { Duplex } from "node:stream";

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

export abstract class Front {
  private listener: Listener | undefined;
  protected readonly watching = new Set<ServerResponse>();

  constructor(private readonly state: string) {}

  /** Whether it answered the request itself. */
  protected abstract answers(url: URL, incoming: IncomingMessage, answer: ServerResponse): boolean;

  /** Somebody opens a terminal. */
  protected upgrade(_incoming: IncomingMessage, socket: Duplex): void {
    socket.destroy();
  }

  async listen(): Promise<string> {
    const listener = createServer((incoming, answer) => {
      const url = new URL(incoming.url ?? "/", "http://front");
      if (this.answers(url, incoming, answer)) return;
      if (process.env.UI_DIST && !/^\/(api\/|ca.pem|openapi)/.test(url.pathname)) return this.file(url.pathname, answer);
      this.pass(incoming, answer);
    });
    listener.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => this.upgrade(incoming, socket));
    this.listener = listener;
    await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  }

  close(): void {
    this.cut();
    this.listener?.closeAllConnections();
    this.listener?.close();
  }

  /** Every stream ends in the middle of it. */
  cut(): void {
    for (const stream of this.watching) stream.destroy();
    this.watching.clear();
  }

  private pass(incoming: IncomingMessage, answer: ServerResponse): void {
    // The socket's caller is the machine's own user: a browser's origin has no meaning there.
    const headers = { ...incoming.headers };
    delete headers.origin;
    delete headers["sec-fetch-site"];
    const asked = request({ socketPath: join(this.state, "armilla.sock"), path: incoming.url, method: incoming.method, headers }, (told) => {
      answer.writeHead(told.statusCode ?? 502, told.headers);
      told.pipe(answer);
    });
    asked.on("error", () => answer.writeHead(502).end());
    answer.on("close", () => asked.destroy());
    incoming.pipe(asked);
  }

  /** The web UI as it was built last, in place of the one in the program: `UI_DIST=dist`. */
  private file(path: string, answer: ServerResponse): void {
    const file = join(process.env.UI_DIST ?? "", extname(path) ? path : "/index.html");
    if (!existsSync(file)) return void answer.writeHead(404).end();
    answer.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream").end(readFileSync(file));
  }
}

export const say = (answer: ServerResponse, body: unknown, status = 200): void =>
  void answer.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
