import { expect, test } from "vitest";
import { hostOf, isAsked, kindOf, newKey } from "./obstacle";

const said = (detail: string) => ({ pointer: "/hosts/h1", detail });
const [old, now] = ["a", "b"].map((letter) => `SHA256:${letter.repeat(43)}`);

test.each([
  ["failed to reach 10.0.0.1:22: no route to host", "unreachable"],
  ["failed to greet the SSH server at 10.0.0.1:80: it speaks HTTP", "unreachable"],
  ["failed to log in to 10.0.0.1:22 as root: password refused", "login"],
  ["failed to become root on 10.0.0.1:22: the sudo password of ops is wrong", "login"],
  ["failed to use the key ~/.ssh/id: it is encrypted", "login"],
  [`failed to trust 10.0.0.1:22: its host key was ${old} and is now ${now}`, "keyChanged"],
  ["failed to put a hand on 10.0.0.1:22: it is riscv64", "other"],
])("%s is mended as %s", (detail, kind) => expect(kindOf(said(detail))).toBe(kind));

test("the new key is shown with its place, to be trusted in the place of the old one", () => {
  expect(newKey(said(`failed to trust 10.0.0.1:22: its host key was ${old} and is now ${now}`))).toEqual({ place: "10.0.0.1:22", fingerprint: now });
  expect(newKey(said("failed to reach 10.0.0.1:22"))).toBeUndefined();
});

test("a key that is only asked about is no obstacle", () => {
  expect(isAsked(said(`failed to trust 10.0.0.1:22: nobody vouched for its host key ${now}`))).toBe(true);
  expect(hostOf({ pointer: "/hosts/a~1b", detail: "" })).toBe("a/b");
});
