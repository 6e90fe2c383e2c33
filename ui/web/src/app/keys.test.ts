import { expect, test } from "vitest";
import { meaning } from "./keys";

const press = (key: string, with_: Partial<Record<"ctrlKey" | "metaKey" | "altKey", boolean>> = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, ...with_ });

test("keys mean nothing while somebody types, but for the palette's", () => {
  expect(meaning(press("?"), true, Infinity)).toBeUndefined();
  expect(meaning(press("r"), true, 10)).toBeUndefined();
  expect(meaning(press("k", { metaKey: true }), true, Infinity)).toEqual({ kind: "palette" });
});

test("a letter leads somewhere only soon after g", () => {
  expect(meaning(press("r"), false, 10)).toEqual({ kind: "go", letter: "r" });
  expect(meaning(press("r"), false, 5000)).toBeUndefined();
  expect(meaning(press("x"), false, 10)).toBeUndefined();
});

test("the browser keeps its own keys", () => {
  expect(meaning(press("r", { ctrlKey: true }), false, 10)).toBeUndefined();
  expect(meaning(press("/", { altKey: true }), false, Infinity)).toBeUndefined();
});
