import { expect, test } from "vitest";
import type { Of } from "../../api/client";
import { ailments, exitMeaning, isOver, podTone } from "./ailment";

type Container = Of<"Container">;
const one = (state: string, more: Partial<Container> = {}): Container =>
  ({ name: "web", image: "web:1", init: false, ready: state === "Running", restarts: 0, state, ...more });
const pod = (status: string, containers: Container[], more: Partial<Of<"Pod">> = {}): Of<"Pod"> =>
  ({ namespace: "shop", name: "web-1", node: "h2", status, ready: containers.every(({ ready }) => ready), restarts: 0, containers, ...more });
const kinds = (of: Of<"Pod">) => ailments(of).map(({ kind }) => kind);

test("a pod that works, worked or begins ails nothing", () => {
  expect(ailments(pod("Running", [one("Running")]))).toEqual([]);
  expect(ailments(pod("Completed", [one("Completed", { exitCode: 0 })]))).toEqual([]);
  expect(ailments(pod("ContainerCreating", [one("ContainerCreating")]))).toEqual([]);
  expect(ailments(pod("Terminating", [one("Error", { exitCode: 137 })]))).toEqual([]);
  expect(podTone(pod("Completed", [one("Completed")]))).toBe("ok");
});

test("a container that ended once and runs again does not ail, whatever its last exit code", () => {
  expect(ailments(pod("Running", [one("Running", { restarts: 4, exitCode: 1 })]))).toEqual([]);
});

test("a container that ends again and again is told with its exit code", () => {
  expect(ailments(pod("CrashLoopBackOff", [one("CrashLoopBackOff", { exitCode: 3 })]))[0]).toMatchObject({ kind: "crash", exitCode: 3 });
  expect(kinds(pod("Error", [one("Error", { exitCode: 1 })]))).toEqual(["crash"]);
  expect(kinds(pod("Signal:9", [one("Signal:9", { exitCode: 137 })]))).toEqual(["crash"]);
});

test("want of memory is told apart from a program's own error", () => {
  expect(kinds(pod("OOMKilled", [one("OOMKilled", { exitCode: 137 })]))).toEqual(["memory"]);
  expect(kinds(pod("CrashLoopBackOff", [one("CrashLoopBackOff", { exitCode: 137 })]))).toEqual(["memory"]);
});

test("every container that ails is named, those that do not are not", () => {
  const mixed = pod("ImagePullBackOff", [one("Running"), one("ImagePullBackOff", { name: "side" }), one("CreateContainerConfigError", { name: "conf" })]);
  expect(ailments(mixed).map(({ kind, container }) => [kind, container?.name])).toEqual([["image", "side"], ["config", "conf"]]);
  expect(podTone(mixed)).toBe("bad");
});

test("a pod without a node waits for one", () => {
  const rest = pod("Pending", [one("Waiting")]);
  delete rest.node;
  expect(kinds(rest)).toEqual(["node"]);
  expect(podTone(rest)).toBe("warn");
  expect(kinds(pod("Evicted", []))).toEqual(["evicted"]);
});

test("exit codes say what is known of them", () => {
  expect([0, 1, 3, 126, 127, 134, 137, 139, 143, 141, 255].map(exitMeaning)).toEqual(
    ["zero", "own", "own", "noExec", "notFound", "abort", "killed", "segfault", "asked", "signal", "own"]);
});

test("a pod that has ended takes no room, one that is started again does", () => {
  const ended = (status: string, restarts = 0) => isOver(pod(status, [one(status, { exitCode: 1, restarts })]));
  expect([ended("Completed"), ended("Error"), ended("Signal:9")]).toEqual([true, true, true]);
  expect([ended("Error", 2), ended("CrashLoopBackOff", 2), isOver(pod("Running", [one("Running")]))]).toEqual([false, false, false]);
});
