import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** The `lab` of tests/vm: `LAB`, or what cargo built. */
const program = process.env.LAB ?? "../../target/debug/lab";
/** Where a server in a lab's network listens, inside it. */
export const INSIDE = "127.0.0.1:9443";

type Record = { key: string; root_password: string; hosts: { name: string; address: string; fingerprint: string }[] };

/** Hosts with a real sshd in a network of their own, on this machine; needs root. They go with this process at the latest. */
export class Lab {
  private constructor(private readonly name: string, private readonly record: Record, /** Of this machine; leads to a server in the lab's network. */ readonly door: string) {}

  static up(name: string, hosts: number): Lab {
    if (!existsSync(program)) throw new Error(`${program} is not there: cargo build -p lab builds it, or LAB names another`);
    const run = (...words: string[]) => execFileSync(program, ["--name", name, ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    run("down");
    const record = JSON.parse(run("up", "--hosts", `${hosts}`, "--owner", `${process.pid}`, "-o", "json")) as Record;
    const forward = JSON.parse(run("forward", "--listen", "127.0.0.1:0", "--to", INSIDE, "-o", "json")) as { listen: string };
    return new Lab(name, record, forward.listen);
  }

  get addresses(): string[] {
    return this.record.hosts.map(({ address }) => address);
  }

  /** Of the hosts' SSH keys, as their consoles would show them. */
  get fingerprints(): string[] {
    return this.record.hosts.map(({ fingerprint }) => fingerprint);
  }

  /** Of root, on every host. */
  get password(): string {
    return this.record.root_password;
  }

  /** A command that runs in the lab's network, and whose process is the command's own. */
  inside(words: string[]): string[] {
    return [program, "--name", this.name, "run", "--", ...words];
  }

  /** A shell line on a host, as root. */
  on(host: string, line: string): string {
    return execFileSync(program, ["--name", this.name, "exec", host, "--", "sh", "-c", line], { encoding: "utf8" });
  }

  down(): void {
    execFileSync(program, ["--name", this.name, "down"]);
  }
}
