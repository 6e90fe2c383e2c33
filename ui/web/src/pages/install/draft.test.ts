import { expect, test } from "vitest";
import { readDraft } from "./kept";
import { after, freeName, isStep, missing } from "./steps";

test("whatever stands in a draft can be shown", () => {
  const empty = { text: "", step: "bundle", paste: "", ownRoles: false };
  for (const content of [undefined, null, 3, "text", [], { text: 7, step: "moon", bundle: {} }]) expect(readDraft(content)).toEqual(empty);
  const whole = { text: "a: 1", step: "roles", paste: "10.0.0.1", ownRoles: true, bundle: "b", strengths: { "10.0.0.1": { cpus: 4 } }, imported: { format: "kubeadm", report: [] } };
  expect(readDraft(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
  expect(readDraft({ strengths: { h: { cpus: "4", memory: 8 }, i: 3 } }).strengths).toEqual({ h: { memory: 8 }, i: {} });
});

test("a step is open when what it needs is there", () => {
  expect(missing("hosts", { bundle: false, hosts: false })).toBeUndefined();
  expect(missing("roles", { bundle: false, hosts: false })).toBe("hosts");
  expect(missing("roles", { bundle: false, hosts: true })).toBeUndefined();
  expect(missing("review", { bundle: false, hosts: true })).toBe("bundle");
  expect(after("review")).toBe("review");
  expect(isStep("hosts") && !isStep("toString")).toBe(true);
});

test("a new site has a name that none has", () => {
  expect(freeName([])).toBe("site-1");
  expect(freeName(["site-1", "lab", "site-2"])).toBe("site-3");
});
