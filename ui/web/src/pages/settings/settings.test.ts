import { expect, test } from "vitest";
import { browser } from "./agent";
import { conditions, NO_FILTER, outcomes } from "./audit-filter";
import { changedSettings, filled, read } from "./typed";

const escape = (value: string) => value.replace(/[\\,]/g, "\\$&");
const before = { sessionHours: 12, idleMinutes: 60, runsAtOnce: 4, oidc: { issuer: "https://id", clientId: "a", nameClaim: "n", groupsClaim: "g", roles: { ops: "operator" } } } as const;

test("settings that nobody touched come back as they were", () => {
  expect(read(filled(before))).toEqual(before);
  expect(changedSettings(before, read(filled(before)))).toEqual([]);
});

test("the command has what was changed, and only that", () => {
  const typed = { ...filled(before), idleMinutes: "30", oidc: false, publicUrl: " https://a:9443 " };
  expect(changedSettings(before, read(typed))).toEqual(["idleMinutes=30", "publicUrl=https://a:9443", "oidc=null"]);
});

test("what is no number does not become one", () => {
  for (const text of ["", "-1", "1e3", "12.5", "x"]) expect(read({ ...filled(before), sessionHours: text }).sessionHours).toBe(0);
});

test("browsers are told apart by what they call themselves", () => {
  expect(browser("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")).toBe("Firefox 128, Linux");
  expect(browser("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0")).toBe("Edge 131, Windows");
  expect(browser("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1")).toBe("Safari 18, iOS");
  expect(browser("armilla/0.1.0")).toBeUndefined();
});

test("the audit's filter is what a list takes, whole days in the reader's zone", () => {
  expect(conditions(NO_FILTER, escape)).toBe("");
  expect(conditions({ ...NO_FILTER, actor: " an,na " }, escape)).toBe("actor~an\\,na");
  const day = conditions({ ...NO_FILTER, action: "user.", from: "2026-11-21", to: "2026-11-21" }, escape);
  const [first, behind] = [new Date(2026, 10, 21).getTime(), new Date(2026, 10, 22).getTime()];
  expect(day).toBe(`action~user.,at>${first - 1},at<${behind}`);
});

test("an entry says what was before, where it knows", () => {
  expect(outcomes({ role: "admin", was: "viewer" })).toEqual([{ name: "role", before: "viewer", after: "admin" }]);
  expect(outcomes({ idleMinutes: "30", "idleMinutes.was": "60" })).toEqual([{ name: "idleMinutes", before: "60", after: "30" }]);
  expect(outcomes({ path: "/a" })).toEqual([{ name: "path", after: "/a" }]);
});
