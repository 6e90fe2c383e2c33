import { expect, test } from "vitest";
import { hostOf, isAsked, kindOf, type Obstacle } from "./obstacle";

const of = (kind: string): Obstacle => ({ pointer: "/hosts/h1", detail: "", kind });

test.each([["unreachable"], ["login"], ["keyChanged"]])("%s is mended in its own way", (kind) => expect([kindOf(of(kind)), isAsked(of(kind))]).toEqual([kind, false]));

test("a key or a secret that is asked for is no obstacle", () => {
  expect(["keyUnknown", "secretMissing"].map((kind) => isAsked(of(kind)))).toEqual([true, true]);
});

test("a kind of a later server is shown as it is", () => {
  expect([kindOf(of("quarantined")), isAsked(of("quarantined"))]).toEqual(["other", false]);
  expect(hostOf({ ...of("other"), pointer: "/hosts/a~1b" })).toBe("a/b");
});
