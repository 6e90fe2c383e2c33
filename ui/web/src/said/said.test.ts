import { expect, test } from "vitest";
import { sayer } from "./said";

const say = sayer({
  "reach {0}: {1}": "无法连接 {0}：{1}",
  "it is gone": "它不见了",
  "{0} of {1} pods are available": "{1} 个 Pod 中有 {0} 个可用",
  "{0} failed": "{0} 失败",
  "the run {0} failed": "运行 {0} 失败了",
  "the host belongs to ledger {0}, not to {1}{2}": "主机属于账本 {0}，不属于 {1}{2}",
  "; the last one here was {0}": "；最近一次是 {0}",
  "more at a.b (c) {0}": "详见 a.b (c) {0}",
});

test("a sentence, its holes and what nobody translated", () => {
  expect(say("it is gone")).toBe("它不见了");
  expect(say("2 of 3 pods are available")).toBe("3 个 Pod 中有 2 个可用");
  expect(say("E: Unable to locate package")).toBe("E: Unable to locate package");
});

test("what a hole holds is said too", () => expect(say("reach h1: it is gone")).toBe("无法连接 h1：它不见了"));

test("the pattern with the most words of its own wins", () => expect(say("the run 7 failed")).toBe("运行 7 失败了"));

test("an address with its port is one thing", () => expect(say("reach [fe80::1]:22: refused: by peer")).toBe("无法连接 [fe80::1]:22：refused: by peer"));

test("of a chain and of a list, what is known", () => {
  expect(say("h1: it is gone")).toBe("h1：它不见了");
  expect(say("it is gone; reach h2: ECONN")).toBe("它不见了；无法连接 h2：ECONN");
  expect(say("it is gone: {\"json\": 1}")).toBe("它不见了：{\"json\": 1}");
});

test("errors say themselves that they failed", () => {
  expect(say("Failed to reach h1: it is gone.")).toBe("无法连接 h1：它不见了。");
  expect(say("failed to reach h1: it is gone")).toBe("无法连接 h1：它不见了");
  expect(say("failed to do what nobody knows")).toBe("failed to do what nobody knows");
});

test("a word alone is said, a name within a sentence stays", () => {
  const of = sayer({ none: "无", "unit {0}": "单元 {0}", "the host {0} is gone": "主机 {0} 不见了", "{0} on {1}": "{1} 上的 {0}" });
  expect(of("none")).toBe("无");
  expect(of("the host none is gone")).toBe("主机 none 不见了");
  expect(of("unit a.service, /etc/b, unit c.service")).toBe("单元 a.service、/etc/b、单元 c.service");
});

test("states in a list, and what stands behind a colon at the end, are no names", () => {
  const of = sayer({ "disabled": "禁用", "stopped": "已停止", "site {0}: {1}": "站点 {0}：{1}", "install": "安装", "  because {0}": "  说明：{0}", "{0} steps on {1} hosts": "{1} 台主机共 {0} 步" });
  expect(of("disabled, stopped")).toBe("禁用、已停止");
  expect(of("disabled, sshd")).toBe("disabled, sshd");
  expect(of("site install: install")).toBe("站点 install：安装");
  expect(of("  because 7 steps on 3 hosts")).toBe("  说明：3 台主机共 7 步");
});

test("a pattern with next to no words of its own is of words and sizes", () => {
  const of = sayer({ "{0} on {1}": "{1} 上的 {0}" });
  expect(of("1.5 GiB on /var")).toBe("/var 上的 1.5 GiB");
  expect(of("cannot open display on which nothing runs")).toBe("cannot open display on which nothing runs");
});

test("two holes in a row: the second begins with a sign", () => {
  expect(say("the host belongs to ledger a, not to b")).toBe("主机属于账本 a，不属于 b");
  expect(say("the host belongs to ledger a, not to b; the last one here was c")).toBe("主机属于账本 a，不属于 b；最近一次是 c");
});

test("a refusal by itself, and a thing of several words", () => {
  const refuse = sayer({ "{0} {1} is there already": "{0} {1} 已存在", "host key": "主机密钥", user: "用户", "its cluster": "其集群" });
  expect(refuse("User ben is there already.")).toBe("用户 ben 已存在。");
  expect(refuse("Host key h1:22 is there already.")).toBe("主机密钥 h1:22 已存在。");
  expect(refuse("user its cluster is there already")).toBe("用户其集群已存在");
});

test("a place stands before what is said of it, whatever the order of the Chinese", () => {
  const strict = sayer({ "line {0}: {1}": "第 {0} 行：{1}", "{0} is missing: write {1}": "缺少 {0}：请写 {1}", "{0} overlaps the network {1}": "{0} 与网段 {1} 重叠", "no field {0}; there are {1}": "没有字段 {0}；有 {1}" });
  expect(strict("a.yaml: line 1: kind is missing: write x")).toBe("a.yaml：第 1 行：缺少 kind：请写 x");
  expect(strict("Failed to line 1: 10.0.0.0/8 overlaps the network 10.0.0.0/9.")).toBe("第 1 行：10.0.0.0/8 与网段 10.0.0.0/9 重叠。");
  expect(strict("?sort: no field a; there are b, c")).toBe("?sort：没有字段 a；有 b, c");
});

test("the head of a chain", () => {
  const loud = sayer({ "keep the plan: ": "无法保存计划：", "open bundle {0}: ": "无法打开离线包 {0}：", "it is gone": "它不见了" });
  expect(loud("Failed to keep the plan: it is gone.")).toBe("无法保存计划：它不见了。");
  expect(loud("open bundle /a b: it is gone")).toBe("无法打开离线包 /a b：它不见了");
});

test("signs of a sentence are signs", () => {
  expect(say("more at a.b (c) d")).toBe("详见 a.b (c) d");
  expect(say("more at aXb (c) d")).toBe("more at aXb (c) d");
});

test("hundreds of patterns cost little", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`the thing ${index} of {0} has {1} left: {2}`, `{0} 的 ${index} 剩 {1}：{2}`]));
  const loud = sayer({ ...many, "read {0}: {1}": "无法读取 {0}：{1}" });
  const text = Array.from({ length: 40 }, (_, index) => `part ${index}`).join(": ");
  expect(loud(`read ${text}`)).toBe(`无法读取 part 0：${text.slice("part 0: ".length)}`);
  expect(loud("the thing 7 of h1 has 2 left: x")).toBe("h1 的 7 剩 2：x");
});
