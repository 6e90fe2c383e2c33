import { expect, test } from "vitest";
import { read } from "../hosts/paste";
import { around, clashes, layout, span, type Part } from "./cidr";
import { assign } from "./roles";
import { asTemplate, fresh, isSite, put, view, withHosts, withRoles } from "./text";

const three = withHosts(fresh("lab"), read("10.0.0.11-13").hosts);

test("pasted hosts become a site's text", () => {
  const roles = assign(view(three).hosts).map((each) => each.roles);
  expect(withRoles(three, roles)).toBe(`apiVersion: armilla/v1
kind: Site
metadata:
  name: lab
hosts:
  - name: node-1
    address: 10.0.0.11
    roles: [control-plane]
  - name: node-2
    address: 10.0.0.12
    roles: [worker]
  - name: node-3
    address: 10.0.0.13
    roles: [worker]
`);
});

test("names, ports, users, keys and hops of what was pasted are in the text", () => {
  const text = withHosts(fresh("s"), read("Host db\n HostName 10.0.0.1\n Port 2222\n User ops\n IdentityFile ~/.ssh/x\n ProxyJump a@192.0.2.1").hosts);
  expect(text).toContain(`  - name: db
    address: 10.0.0.1
    port: 2222
    user: ops
    roles: []
    ssh:
      keyFile: ~/.ssh/x
    jump:
      - address: 192.0.2.1
        user: a
`);
});

test("comments and keys that no form knows stay, and so does what is written of a host that stays", () => {
  const text = three.replace("hosts:", "# ours\nslowness: 2 # old disks\nhosts:").replace("address: 10.0.0.12", "address: 10.0.0.12\n    labels: {rack: r1}");
  const fewer = withHosts(text, read("10.0.0.12 10.0.0.99").hosts);
  expect(fewer).toContain("# ours\nslowness: 2 # old disks\n");
  expect(fewer).toContain("name: node-2\n    address: 10.0.0.12\n    labels: {rack: r1}\n");
  expect(view(fewer).hosts.map(({ name }) => name)).toEqual(["node-2", "node-3"]);
});

test("values are put and taken away again without a trace", () => {
  const more = put(three, ["network", "podCIDR"], "10.64.0.0/16");
  expect(more).toBe(`${three}network:\n  podCIDR: 10.64.0.0/16\n`);
  expect(put(more, ["network", "podCIDR"], undefined)).toBe(three);
  expect(view(put(`${three}network:\n`, ["network", "podCIDR"], "10.64.0.0/16")).at("network", "podCIDR")).toBe("10.64.0.0/16");
  expect(put(three, ["addons", "localPath"], false)).toContain("addons:\n  localPath: false\n");
});

test("a text that cannot be read says where, and is not spoilt by a form", () => {
  const text = "hosts: [\n";
  expect(view(text).broken?.line).toBe(2);
  expect(put(text, ["a"], 1)).toBe(text);
  expect(withHosts("- a\n", [])).toBe("- a\n");
  expect(view("").hosts).toEqual([]);
  expect(view("hosts: [1, {roles: 3}]").hosts.map(({ roles }) => roles)).toEqual([[], []]);
});

test("a thousand hosts are written and read back", () => {
  const hosts = Array.from({ length: 1000 }, (_, index) => ({ address: `10.1.${Math.floor(index / 250)}.${(index % 250) + 1}` }));
  expect(view(withHosts(fresh("big"), hosts)).hosts.at(-1)?.name).toBe("node-1000");
}, 60_000);

test.each<[string, Parameters<typeof assign>[0], string[]]>([
  ["one host does both", [{ name: "a" }], ["control-plane+worker only"]],
  ["the first one leads", [{ name: "a" }, { name: "b" }], ["control-plane first", "worker rest"]],
  ["a name that says so leads", [{ name: "w-1" }, { name: "k8s-master-1" }], ["worker rest", "control-plane named"]],
  ["who was told leads", [{ name: "cp-1" }, { name: "b", roles: ["control-plane"] }], ["worker rest", "control-plane told"]],
  ["who is too weak does not lead", [{ name: "a", cpus: 1 }, { name: "b", cpus: 4 }], ["worker rest", "control-plane strongest"]],
  ["both roles stay", [{ name: "a", roles: ["control-plane", "worker"] }, { name: "b" }], ["control-plane+worker told", "worker rest"]],
])("%s", (_, hosts, wanted) => expect(assign(hosts).map(({ roles, reason }) => `${roles.join("+")} ${reason}`)).toEqual(wanted));

test("there is one control plane however many hosts there are", () => {
  for (const count of [2, 3, 5, 50]) {
    const all = assign(Array.from({ length: count }, (_, index) => ({ name: `cp-${index}`, roles: ["control-plane" as const] })));
    expect(all.filter(({ roles }) => roles.includes("control-plane")).length).toBe(1);
  }
});

const part = (what: string, text: string): Part => ({ what, text, ...(span(text) ?? { first: 0, last: 0 }) });

test("networks that share addresses are found", () => {
  const pods = part("pods", "10.244.0.0/16");
  const services = part("services", "10.96.0.0/12");
  const host = part("h1", "10.244.3.7");
  expect(clashes([pods, services])).toEqual([]);
  expect(clashes([pods, services, host]).map(([one, other]) => [one.what, other.what])).toEqual([["pods", "h1"]]);
  expect(span("10.0.0.0/33")).toBeUndefined();
  expect(span("fd00::/8")).toBeUndefined();
  expect(span("10.0.0.9/30")).toEqual({ first: 167772168, last: 167772171 });
});

test("a small network is seen beside a large one", () => {
  const placed = layout([part("pods", "10.0.0.0/8"), part("h", "10.1.1.1")]);
  expect(placed.map(({ from, to }) => [from, to])).toEqual([[0, 1], [1 / 3, 2 / 3]]);
  expect(around([167772161, 167772170])?.text).toBe("10.0.0.0/28");
});

test("a template is a site's options without what is its own", () => {
  const text = `# of the plant
apiVersion: armilla/v1
kind: Site
metadata: {name: plant-7}
ssh: {user: ops}
hosts:
  - {name: h1, address: 10.0.0.1, roles: [control-plane], ssh: {password: {env: H1}}}
jump: [{address: 192.0.2.1}]
network:
  podCIDR: 10.60.0.0/16 # the plant has 10.244
api: {endpoint: "k8s.plant:6443"}
waivers: [{check: fsync, host: h1, reason: x}]
`;
  expect(asTemplate(text, "plant-8")).toBe(`# of the plant
apiVersion: armilla/v1
kind: Site
metadata: {name: plant-8}
ssh: {user: ops}
hosts: []
network:
  podCIDR: 10.60.0.0/16 # the plant has 10.244
`);
  expect([isSite(text), isSite("apiVersion: kubekey.kubesphere.io/v1alpha2"), isSite("a: [")]).toEqual([true, false, false]);
});
