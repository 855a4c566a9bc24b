import { expect, test } from "vitest";
import type { Answer } from "../src/api/types";
import { withSources } from "../src/chat/copied";

test("an answer is copied with its sources", () => {
  const citations = [
    { n: 1, title: "Policy", source: "p.pdf", edition: "v4", page: 3, heading: ["Devices", "Loss"], quote: "Within\n4 hours." },
    { n: 2, title: "", source: "faq.md", edition: "", page: null, heading: [], quote: "Call us." },
  ];
  const answer = { answer: "Within 4 hours. [1] [2]", citations } as unknown as Answer;
  expect(withSources(answer, "Sources")).toBe(
    "Within 4 hours. [1] [2]\n\nSources\n[1] Policy, v4, p. 3, Devices › Loss\n    “Within 4 hours.”\n[2] faq.md\n    “Call us.”",
  );
});

test("without sources there is only the answer", () => {
  expect(withSources({ answer: "The documents do not say.", citations: [] } as unknown as Answer, "Sources")).toBe(
    "The documents do not say.",
  );
});
