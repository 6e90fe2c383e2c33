import { expect, test } from "vitest";
import { accelerators, disks, filesystems, realNics, type Facts } from "./facts";

const facts = (more: Partial<Facts>): Facts => ({ cpu: {}, disks: [], dataDirs: [], nics: [], firewalls: [], timeServices: [], init: {}, accelerators: [], ...more });

test("accelerators of one kind are counted, their virtual functions are not", () => {
  const card = (address: string, device: number, virtualFunction = false) => ({ address, vendor: 0x10de, device, class: 0x0302, virtualFunction });
  expect(accelerators([card("a", 0x2330), card("b", 0x2330), card("c", 0x2330, true), card("d", 0x20b5)])).toBe("2 × NVIDIA 10de:2330, NVIDIA 10de:20b5");
  expect(accelerators([{ address: "e", vendor: 0x1234, device: 1, class: 0x1200, virtualFunction: false }])).toBe("1234:0001");
  expect(accelerators([])).toBe("");
});

test("disks of one size stand together, what is no disk is left out", () => {
  const disk = (name: string, bytes: number) => ({ name, bytes });
  const all = [disk("loop0", 4e9), disk("sda", 480e9), disk("sr0", 1e9), disk("nvme0n1", 7.7e12), disk("sdb", 480e9), disk("sdc", 0)];
  expect(disks(facts({ disks: all }), "en-GB")).toBe("7.7 TB, 2 × 480 GB");
});

test("interfaces that containers made do not count", () => {
  const nic = (name: string) => ({ name, up: true, addresses: [] });
  expect(realNics(facts({ nics: ["lo", "ens3", "veth12ab", "cni0", "flannel.1", "bond0", "locked0"].map(nic) })).map(({ name }) => name)).toEqual(["ens3", "bond0", "locked0"]);
});

test("directories on one filesystem share its room", () => {
  const dir = (path: string, filesystem: number) => ({ path, filesystem, totalBytes: 100, freeBytes: 40 });
  expect(filesystems(facts({ dataDirs: [dir("/var/lib/etcd", 1), dir("/run", 2), dir("/var/lib/kubelet", 1)] })).map(({ paths }) => paths)).toEqual([["/var/lib/etcd", "/var/lib/kubelet"], ["/run"]]);
});
