import { expect, test } from "vitest";
import { exitOf, pieces } from "./shell";

test("what the server says at the end is understood, and rubbish is not", () => {
  expect(exitOf('{"exit":{"code":0,"message":null}}')).toEqual({ why: "exit", code: 0, message: null });
  expect(exitOf('{"exit":{"code":null,"message":"no such container"}}')).toEqual({ why: "exit", code: null, message: "no such container" });
  expect(exitOf("{}")).toBeUndefined();
  expect(exitOf("bash: not found")).toBeUndefined();
});

test("a large paste travels in pieces that the server takes, whole and in order", () => {
  const paste = Uint8Array.from({ length: 100_000 }, (_, place) => place % 251);
  const sent = pieces(paste);
  expect(sent.every(({ length }) => length <= 64 * 1024)).toBe(true);
  expect(Buffer.concat(sent).equals(paste)).toBe(true);
  expect(pieces(new Uint8Array())).toEqual([]);
});
