import { expect, test } from "vitest";
import { view } from "../site/text";
import { ownSecrets, ownSecretsFor, sharesLogin } from "./own-logins";

const site = view(`hosts:
  - {name: h1, address: 10.0.0.1, ssh: {password: {env: SSH_PASSWORD}}}
  - {name: h2, address: 10.0.0.2, ssh: {password: {env: SSH_PASSWORD_2}}}
  - {name: h3, address: 10.0.0.3, user: ops, ssh: {password: {env: SSH_PASSWORD_2}}, sudo: {password: {env: SSH_PASSWORD_2}}}
  - {name: h4, address: 10.0.0.4, ssh: {keyFile: ~/.ssh/id_x}}
`);
const references = [
  { id: "1", kind: "secret", from: "environment variable SSH_PASSWORD", what: "password of root@10.0.0.1" },
  { id: "2", kind: "secret", from: "environment variable SSH_PASSWORD_2", what: "password of root@10.0.0.2" },
  { id: "3", kind: "privateKey", from: "/root/.ssh/id_x", what: "private key /root/.ssh/id_x" },
  { id: "4", kind: "secret", from: "environment variable ARMILLA_SSH_PASSWORD", what: "password of root@10.0.0.5" },
];

test("what is asked for, and what lies in a file, have their places too", () => {
  const own = ownSecrets(view("hosts: [{name: a, address: 10.0.0.1, user: ops, ssh: {password: {prompt: true}}, sudo: {password: {prompt: true}}}, {name: b, address: 10.0.0.2, ssh: {password: {file: ~/pw}}}]"));
  const asked = [
    { id: "1", kind: "secret", from: "password of ops@10.0.0.1", what: "" }, { id: "2", kind: "secret", from: "sudo password of ops@10.0.0.1", what: "" },
    { id: "3", kind: "secret", from: "file /root/pw", what: "" },
  ];
  const typed = Object.fromEntries(own.map(({ from, kind }) => [from, `${kind} ${from}`]));
  expect(ownSecretsFor(own, typed, asked)).toEqual([
    { id: "1", secret: "password password of ops@10.0.0.1" }, { id: "2", secret: "sudo sudo password of ops@10.0.0.1" }, { id: "3", secret: "password ~/pw" },
  ]);
});

test("each distinct secret of the hosts is asked for once", () => {
  expect(ownSecrets(site)).toEqual([
    { from: "SSH_PASSWORD", kind: "password", hosts: ["h1"] },
    { from: "SSH_PASSWORD_2", kind: "password", hosts: ["h2", "h3"] },
    { from: "~/.ssh/id_x", kind: "key", hosts: ["h4"] },
  ]);
  expect(sharesLogin(site)).toBe(false);
  expect(sharesLogin(view("hosts: [{name: a, ssh: {agent: true}}, {name: b, ssh: {hostKey: x}}]"))).toBe(true);
  expect(sharesLogin(view(""))).toBe(true);
});

test("two passwords go to two places, and neither to a third", () => {
  const typed = { SSH_PASSWORD: "one", SSH_PASSWORD_2: "two", "~/.ssh/id_x": "KEY" };
  expect(ownSecretsFor(ownSecrets(site), typed, references)).toEqual([{ id: "1", secret: "one" }, { id: "2", secret: "two" }, { id: "3", secret: "KEY\n" }]);
  expect(ownSecretsFor(ownSecrets(site), { SSH_PASSWORD_2: "two" }, references)).toEqual([{ id: "2", secret: "two" }]);
});
