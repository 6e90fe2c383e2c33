import { expect, test } from "vitest";
import { read } from "./paste";
import { expanded } from "./ranges";

const addresses = (text: string) => read(text).hosts.map(({ address }) => address);
const whys = (text: string) => read(text).wrong.map(({ line, text: word, why }) => [line, word, why]);

test("addresses stand on lines, between commas and spaces, with users and ports", () => {
  expect(read("10.0.0.11\nops@10.0.0.12:2222, [fd00::1]:22  h4.lab # a remark").hosts).toEqual([
    { address: "10.0.0.11" },
    { address: "10.0.0.12", user: "ops", port: 2222 },
    { address: "fd00::1", port: 22 },
    { address: "h4.lab" },
  ]);
});

test("a domain's user keeps its own sign", () => {
  expect(read("corp\\anna@10.0.0.1").hosts).toEqual([{ user: "corp\\anna", address: "10.0.0.1" }]);
  expect(read("anna@corp@10.0.0.1").hosts).toEqual([{ user: "anna@corp", address: "10.0.0.1" }]);
});

test.each([
  ["10.0.0.11-13", ["10.0.0.11", "10.0.0.12", "10.0.0.13"]],
  ["10.0.0.254-10.0.1.1", ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]],
  ["10.0.0.[9-11]", ["10.0.0.9", "10.0.0.10", "10.0.0.11"]],
  ["node[08-10].lab", ["node08.lab", "node09.lab", "node10.lab"]],
  ["10.0.0.9/30", ["10.0.0.9", "10.0.0.10"]],
  ["10.0.0.9/32", ["10.0.0.9"]],
  ["edge-1-2.lab", ["edge-1-2.lab"]],
])("%s stands for %j", (word, all) => expect(expanded(word)).toEqual(all));

test("a range keeps its user and port", () => {
  expect(read("root@10.0.0.1-2:2200").hosts).toEqual([
    { user: "root", address: "10.0.0.1", port: 2200 },
    { user: "root", address: "10.0.0.2", port: 2200 },
  ]);
});

test("what is no host is named with its line and why, and the others stay", () => {
  expect(whys("10.0.0.1\n10.0.0.300\n10.0.0.2:99999\n10.0.0.9-2 10.0.0.0/99 -x@10.0.0.4")).toEqual([
    [2, "10.0.0.300", "notAnAddress"],
    [3, "10.0.0.2:99999", "badPort"],
    [4, "10.0.0.9-2", "badRange"],
    [4, "10.0.0.0/99", "badRange"],
    [4, "-x@10.0.0.4", "badUser"],
  ]);
  expect(addresses("10.0.0.1\n10.0.0.300\n10.0.0.2")).toEqual(["10.0.0.1", "10.0.0.2"]);
});

test("rubbish gives no host and no exception", () => {
  for (const text of ["", "\u0000\ufffd", "<html><body>", "a".repeat(200), "{}[]()", "::::", "1.2.3", "10.0.0.0/0", "[0-99999]x"]) {
    expect(read(text).hosts, text).toEqual([]);
  }
  expect(whys("a".repeat(200))).toEqual([[1, "a".repeat(200), "notAnAddress"]]);
});

test("the same login twice is one host, and is said", () => {
  expect(whys("10.0.0.1 10.0.0.1:22 10.0.0.1:2222")).toEqual([[0, "10.0.0.1", "twice"]]);
});

test("five thousand addresses are read, and a range of millions is refused", () => {
  const text = Array.from({ length: 5000 }, (_, index) => `10.${Math.floor(index / 250)}.7.${(index % 250) + 1}`).join("\n");
  expect(read(text).hosts.length).toBe(5000);
  expect(read("10.0.0.0/8").wrong).toEqual([{ line: 1, text: "10.0.0.0/8", why: "tooMany" }]);
});

test("a table says what its columns are, in either language", () => {
  const text = 'Name,IP,User,Port,Roles\ncp-1,10.0.0.1,root,22,control-plane\n"w-1",10.0.0.2,,,worker\nw-2,10.0.0.999,,,\nw-3,10.0.0.4,,,boss\n';
  expect(read(text).kind).toBe("csv");
  expect(read(text).hosts).toEqual([
    { name: "cp-1", address: "10.0.0.1", user: "root", port: 22, roles: ["control-plane"] },
    { name: "w-1", address: "10.0.0.2", roles: ["worker"] },
  ]);
  expect(whys(text)).toEqual([[4, "w-2,10.0.0.999,,,", "notAnAddress"], [5, "w-3,10.0.0.4,,,boss", "badRole"]]);
  expect(read("主机名\t地址\t角色\n甲\t10.0.0.1\t\nb\t10.0.0.2\t工作节点").hosts).toEqual([{ name: "b", address: "10.0.0.2", roles: ["worker"] }]);
  expect(whys("user,port\nroot,22")).toEqual([[1, "user,port", "noAddress"]]);
});

test("an SSH config gives its hosts, with what patterns set and the way through others", () => {
  const text = `
Host gate
  HostName 192.0.2.1
  User jumper
Host node-1 node-2
  HostName %h.lab
  ProxyJump gate
Host node-1
  Port 2222
Host node-*
  User ops
  IdentityFile ~/.ssh/lab
Host *
  ServerAliveInterval 5
`;
  const { kind, hosts, wrong } = read(text);
  expect(kind).toBe("ssh");
  expect(wrong.map(({ why }) => why)).toEqual(["twice"]);
  const jump = [{ address: "192.0.2.1", user: "jumper" }];
  expect(hosts).toEqual([
    { name: "node-1", address: "node-1.lab", user: "ops", port: 2222, keyFile: "~/.ssh/lab", jump },
    { name: "node-2", address: "node-2.lab", user: "ops", keyFile: "~/.ssh/lab", jump },
  ]);
});

test("a way through a program cannot be gone", () => {
  expect(whys("Host a\n ProxyCommand nc %h 22")).toEqual([[1, "Host a", "noHops"]]);
});
