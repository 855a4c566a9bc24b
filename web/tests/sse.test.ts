import { expect, test } from "vitest";
import { EventParser } from "../src/api/sse";

const STREAM = ': ping\n\nid: 1\nevent: sentence\ndata: {"a":\ndata: "水泵"}\n\ndata: x\r\n\r\nid: 3\nevent: final\ndata: {}\n\n';
const EVENTS = [
  { id: "1", event: "sentence", data: '{"a":\n"水泵"}' },
  { id: "1", event: "message", data: "x" },
  { id: "3", event: "final", data: "{}" },
];

test("events come out whole, however the stream is cut", () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...parser.push(STREAM.slice(at, at + size)));
    expect(found, `in pieces of ${size}`).toEqual(EVENTS);
  }
});

test("what is not finished is not an event", () => {
  expect(new EventParser().push("id: 1\ndata: half\n")).toEqual([]);
});

test("a colon in a value and a missing blank are kept", () => {
  expect(new EventParser().push("data:a: b\n\n")).toEqual([{ id: "", event: "message", data: "a: b" }]);
});
