import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { INSIDE, type Lab } from "./lab";

/** The program under test: `ARMILLA`, or what `.ci/binary` built. */
export const program = process.env.ARMILLA ?? `../../dist/${process.arch === "arm64" ? "aarch64" : "x86_64"}/armilla`;

/** A real `armilla serve` on a port and a state folder of its own. */
export class Server {
  private constructor(
    private readonly child: ChildProcess,
    private readonly state: string,
    readonly url: string,
    readonly fingerprint: string,
    /** None when there is an administrator already. */
    readonly code: string | undefined,
  ) {}

  /** `state` goes on with what an earlier server left. In a lab it stands beside the hosts, and is reached by the lab's door. */
  static async start(state = mkdtempSync(join(tmpdir(), "armilla-e2e-")), port = 0, lab?: Lab): Promise<Server> {
    if (!existsSync(program)) throw new Error(`${program} is not there: .ci/binary builds it, or ARMILLA names another`);
    const words = [resolve(program), "serve", "--state", state, "--listen", lab ? INSIDE : `127.0.0.1:${port}`];
    const [first = "", ...rest] = lab ? lab.inside(words) : words;
    const child = spawn(first, rest, { stdio: ["ignore", "pipe", "inherit"] });
    const greeting = await greetingOf(child);
    const found = (pattern: RegExp) => pattern.exec(greeting)?.[1];
    const url = lab ? `https://${lab.door}` : found(/listens on (https:\S+)/);
    const fingerprint = found(/SHA-256 (\S+)/);
    if (!url || !fingerprint) throw new Error(`the server did not start: ${greeting}`);
    return new Server(child, state, url, fingerprint, found(/setup code: (\S+)/));
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** `SIGKILL` is the power cut. Gives back the state folder for the next one. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<string> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise((resolve) => this.child.once("exit", resolve));
      this.child.kill(signal);
      await ended;
    }
    return this.state;
  }

  async remove(): Promise<void> {
    rmSync(await this.stop(), { recursive: true });
  }
}

/** All that it prints before it serves: it ends with an empty line. */
function greetingOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", (piece: Buffer) => {
      said += piece.toString();
      if (/SHA-256 \S+\n/.test(said) && (!said.includes("setup code") || said.includes("--setup-code"))) resolve(said);
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
}
