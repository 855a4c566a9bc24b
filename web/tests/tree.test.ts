import { expect, test } from "vitest";
import type { Message } from "../src/api/types";
import { branch, newestTip } from "../src/chat/tree";

function message(id: string, parent: string | null, at: number): Message {
  const role = id.startsWith("q") ? "user" : "assistant";
  const created = `2026-11-25T08:00:0${at}Z`;
  return { id, parent, role, content: id, created, status: "done", answer: null, suggestions: [], feedback: null };
}

// q1 - a1 - q2 - a2
//    \ a3        (another answer)
// q4 - a4        (q1, edited)
const MESSAGES = [
  message("q1", null, 0),
  message("a3", "q1", 4),
  message("a1", "q1", 1),
  message("q2", "a1", 2),
  message("a2", "q2", 3),
  message("q4", null, 5),
  message("a4", "q4", 6),
];

test("the shown branch, from its first question, with what stands beside each message", () => {
  expect(branch(MESSAGES, "a2").map((step) => [step.message.id, step.siblings])).toEqual([
    ["q1", ["q1", "q4"]],
    ["a1", ["a1", "a3"]],
    ["q2", ["q2"]],
    ["a2", ["a2"]],
  ]);
});

test("nothing is shown of a conversation without messages, or of one that is not there", () => {
  expect(branch([], null)).toEqual([]);
  expect(branch(MESSAGES, "gone")).toEqual([]);
});

test("switching to another version goes to the end of its newest branch", () => {
  expect(newestTip(MESSAGES, "q1")).toBe("a3");
  expect(newestTip(MESSAGES, "a1")).toBe("a2");
  expect(newestTip(MESSAGES, "q4")).toBe("a4");
});

test("a broken tree ends", () => {
  const circle = [message("q1", "a1", 0), message("a1", "q1", 1)];
  expect(branch(circle, "a1").length).toBeLessThanOrEqual(3);
});
