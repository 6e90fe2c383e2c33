import { expect, test } from "vitest";
import { Parser } from "./events";

const STREAM = 'id: 41\nevent: users\ndata: {"id":"anna: a"}\n\nid: 57\nevent: bookmark\ndata: {"index":57}\n\nevent: progress\ndata: {}\n\n';

test("messages are the same however the stream is cut", () => {
  const whole = new Parser().take(STREAM);
  expect(whole).toEqual([
    { id: "41", event: "users", data: '{"id":"anna: a"}' },
    { id: "57", event: "bookmark", data: '{"index":57}' },
    { id: undefined, event: "progress", data: "{}" },
  ]);
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const parser = new Parser();
    expect([...parser.take(STREAM.slice(0, cut)), ...parser.take(STREAM.slice(cut))]).toEqual(whole);
  }
});

test("a message that is not whole yet is waited for", () => {
  expect(new Parser().take("id: 1\nevent: runs\ndata: {}\n")).toEqual([]);
});
