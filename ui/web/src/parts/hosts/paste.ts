/** What somebody pasted: addresses, ranges, a table, an SSH config. Pure, and quick for thousands of lines. */
import { csv, heading } from "./csv";
import { login, MOST, type Pasted, type Reading, type Wrong } from "./pasted";
import { expanded } from "./ranges";
import { isSshConfig, sshConfig } from "./ssh-config";

export function read(text: string): Reading {
  const lines = text.split(/\r?\n/);
  const first = lines.find((line) => line.trim() !== "") ?? "";
  const kind = heading(first) ? "csv" : isSshConfig(lines) ? "ssh" : "addresses";
  const { hosts, wrong } = kind === "csv" ? csv(lines) : kind === "ssh" ? sshConfig(lines) : addresses(lines);
  return { kind, ...once(hosts, wrong) };
}

/** Words between spaces and commas; what follows `#` is a remark. */
function addresses(lines: string[]): { hosts: Pasted[]; wrong: Wrong[] } {
  const hosts: Pasted[] = [];
  const wrong: Wrong[] = [];
  lines.forEach((text, index) => {
    for (const word of text.replace(/#.*/, "").split(/[\s,;，、；]+/).filter(Boolean)) {
      const flaw = (why: Wrong["why"]) => wrong.push({ line: index + 1, text: word, why });
      const all = expanded(word);
      if (typeof all === "string") {
        flaw(all);
        continue;
      }
      for (const each of all) {
        const host = login(each);
        if (typeof host !== "string") hosts.push(host);
        else {
          flaw(host);
          break;
        }
      }
    }
  });
  return { hosts, wrong };
}

/** Each login once, and no more than a site may have. */
function once(all: Pasted[], flaws: Wrong[]): { hosts: Pasted[]; wrong: Wrong[] } {
  const seen = new Set<string>();
  const hosts: Pasted[] = [];
  const wrong = [...flaws];
  for (const host of all) {
    const key = `${host.address} ${host.port ?? 22} ${(host.jump ?? []).map((hop) => hop.address).join()}`;
    if (seen.has(key)) wrong.push({ line: 0, text: host.address, why: "twice" });
    else if (hosts.length === MOST) {
      wrong.push({ line: 0, text: host.address, why: "tooMany" });
      break;
    } else {
      seen.add(key);
      hosts.push({ ...host, ...(host.jump && { jump: host.jump.map(plain) }) });
    }
  }
  return { hosts, wrong };
}

const plain = ({ address, user, port }: NonNullable<Pasted["jump"]>[number]) => ({ address, ...(user && { user }), ...(port && { port }) });
