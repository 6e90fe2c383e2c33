import { expect, test } from "vitest";
import { fresh, view } from "../site/text";
import { empty, flawOf, loginOf, secretsFor, withLogin } from "./login";

const text = fresh("lab");
const into = (from: string, login: Partial<typeof empty>) => withLogin(from, view(from), { ...empty, ...login });

test("a password is named and never written", () => {
  const written = into(text, { secret: "hunter2", sudo: "sesame", user: "ops" });
  expect(written).not.toMatch(/hunter2|sesame/);
  expect(written).toBe(`${text}ssh:\n  user: ops\n  password:\n    env: ARMILLA_SSH_PASSWORD\nsudo:\n  password:\n    env: ARMILLA_SUDO_PASSWORD\n`);
});

test("a key comes in the place of a password, and back", () => {
  const key = into(into(text, { secret: "x" }), { way: "key", secret: "-----BEGIN", keyName: "lab" });
  expect(key).toBe(`${text}ssh:\n  keyFile: ~/.ssh/lab\n`);
  expect(loginOf(view(key))).toMatchObject({ way: "key", keyName: "lab", user: "root" });
  expect(into(key, {})).toBe(`${text}ssh:\n  password:\n    env: ARMILLA_SSH_PASSWORD\n`);
});

test("hops are written and read back", () => {
  const written = into(text, { jump: "ops@192.0.2.1:2222, gate.lab" });
  expect(loginOf(view(written)).jump).toBe("ops@192.0.2.1:2222, gate.lab");
  expect(view(into(written, {})).has("jump")).toBe(false);
});

test("what the operator named stays", () => {
  const own = `${text}ssh:\n  password: {file: ~/pw}\n`;
  expect(into(own, { secret: "x" })).toBe(own);
});

test("wrong users and hops are told apart", () => {
  expect(flawOf({ ...empty, user: "a b" })).toEqual({ user: true });
  expect(flawOf({ ...empty, jump: "10.0.0.300" })).toEqual({ jump: true });
  expect(flawOf(empty)).toEqual({});
});

test("each secret goes into its own place, and none that was not given", () => {
  const references = [
    { id: "1", kind: "secret", from: "environment variable ARMILLA_SSH_PASSWORD", what: "password of root@10.0.0.1" },
    { id: "2", kind: "secret", from: "environment variable ARMILLA_SUDO_PASSWORD", what: "sudo password of ops@10.0.0.1" },
    { id: "3", kind: "privateKey", from: "~/.ssh/id", what: "private key ~/.ssh/id" },
    { id: "4", kind: "secret", from: "environment variable ARMILLA_KEY_PASSPHRASE", what: "passphrase of ~/.ssh/id" },
    { id: "5", kind: "certificate", from: "ca.pem", what: "certificate ca.pem" },
  ];
  expect(secretsFor({ ...empty, secret: "p", sudo: "s" }, references)).toEqual([{ id: "1", secret: "p" }, { id: "2", secret: "s" }]);
  expect(secretsFor({ ...empty, way: "key", secret: "KEY", passphrase: "q" }, references)).toEqual([{ id: "3", secret: "KEY\n" }, { id: "4", secret: "q" }]);
});
