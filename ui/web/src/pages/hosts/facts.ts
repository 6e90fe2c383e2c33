/** What a check found a host to be: installer/model/src/survey.rs. What could not be read is missing. */
import { bytes } from "../../kit/format";

export type Facts = {
  hostname?: string | null;
  os?: { prettyName: string; name: string; version: string } | null;
  kernelRelease?: string | null;
  machine?: string | null;
  cpu: { count?: number | null; model?: string | null };
  memory?: { total: number; available?: number | null; swapTotal: number } | null;
  disks: { name: string; bytes: number; rotational?: boolean | null }[];
  dataDirs: { path: string; filesystem: number; totalBytes: number; freeBytes: number; fsType?: string | null }[];
  fsync?: { directory: string; p50Us: number; p99Us: number; maxUs: number } | null;
  nics: { name: string; mac?: string | null; mtu?: number | null; up: boolean; addresses: { address: string; prefix: number }[] }[];
  nameServers?: string[] | null;
  selinux?: string | null;
  firewalls: string[];
  timeServices: string[];
  virtualization?: string | null;
  init: { process?: string | null; systemdVersion?: number | null };
  cgroup?: { version: string } | null;
  accelerators: Device[];
};
export type Device = { address: string; vendor: number; device: number; class: number; virtualFunction: boolean; driver?: string | null };
export type Surveyed = { facts: Facts; surveyedUnixNs: number; sshRttUs?: number | null; clockSkewMs?: number | null; ours: boolean };
export type Survey = { hosts: Record<string, Surveyed> };

/** Who makes accelerators, by PCI's numbers (pci-ids.ucw.cz). */
const VENDORS: Record<number, string> = { 0x10de: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel", 0x19e5: "Huawei Ascend", 0x1d94: "Hygon", 0x1e3e: "Iluvatar", 0x9999: "MetaX", 0xcabc: "Cambricon", 0x1ed5: "Moore Threads" };

const four = (number: number) => number.toString(16).padStart(4, "0");

/** "8 × NVIDIA 10de:2330": what stands in a host, the same ones together. Virtual functions are parts of others. */
export function accelerators(devices: readonly Device[]): string {
  const counts = new Map<string, number>();
  for (const { vendor, device, virtualFunction } of devices) {
    if (virtualFunction) continue;
    const name = `${VENDORS[vendor] ?? ""} ${four(vendor)}:${four(device)}`.trim();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => (count > 1 ? `${count} × ${name}` : name)).join(", ");
}

/** Disks that a node could keep data on: no loop devices, RAM disks or drives for media. */
export const realDisks = (facts: Facts) => facts.disks.filter(({ name, bytes: size }) => size > 0 && !/^(loop|ram|zram|sr|fd|dm-)/.test(name));

/** Interfaces that reach somewhere: not the host's own, not those that containers made. */
export const realNics = (facts: Facts) => facts.nics.filter(({ name }) => !/^(lo$|veth|cni|flannel|docker|virbr|cali|br-|dummy|kube-)/.test(name));

export const size = (count: number, locale: string) => bytes(count, locale).join(" ");

/** "2 × 480 GB, 7.7 TB": disks of one size together, the largest first. */
export function disks(facts: Facts, locale: string): string {
  const counts = new Map<string, number>();
  for (const { bytes: own } of realDisks(facts).sort((a, b) => b.bytes - a.bytes)) counts.set(size(own, locale), (counts.get(size(own, locale)) ?? 0) + 1);
  return [...counts].map(([text, count]) => (count > 1 ? `${count} × ${text}` : text)).join(", ");
}

/** Filesystems that data will lie on, each once, with the directories on it. */
export function filesystems(facts: Facts): (Facts["dataDirs"][number] & { paths: string[] })[] {
  const found = new Map<number, Facts["dataDirs"][number] & { paths: string[] }>();
  for (const dir of facts.dataDirs) {
    const known = found.get(dir.filesystem);
    if (known) known.paths.push(dir.path);
    else found.set(dir.filesystem, { ...dir, paths: [dir.path] });
  }
  return [...found.values()];
}
