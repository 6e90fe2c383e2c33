import { expect, test } from "vitest";
import { matching } from "./choose";

const options = [{ id: "1", text: "r-7 lab", kind: "Run" }, { id: "2", text: "lab", kind: "Site" }, { id: "3", text: "Runs" }];

test("every word must be there, and what begins with the first comes first", () => {
  expect(matching(options, "").map(({ id }) => id)).toEqual(["1", "2", "3"]);
  expect(matching(options, "lab").map(({ id }) => id)).toEqual(["2", "1"]);
  expect(matching(options, "LAB run").map(({ id }) => id)).toEqual(["1"]);
  expect(matching(options, "nothing")).toEqual([]);
});
