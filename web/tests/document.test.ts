import { expect, test } from "vitest";
import { parts, withEarlier, withLater } from "../src/document/window";
import { slicePoints } from "../src/text";

// 𠮷 is one code point and two UTF-16 units: offsets after it differ
const WHOLE = "前言𠮷。The pump runs. 结尾。";
const at = (from: number, to: number) => ({ text: slicePoints(WHOLE, from, to), from });

test("the quote is found by code points", () => {
  expect(parts(at(1, 19), { quote: "The pump runs.", start: 4, end: 18 })).toEqual({
    before: "言𠮷。",
    quoted: "The pump runs.",
    after: " ",
  });
});

test("the beginning of the quote is enough", () => {
  expect(parts(at(1, 19), { quote: "The pu", start: 4, end: 18 }).quoted).toBe("The pump runs.");
});

test.each([
  ["other words stand there", { quote: "The pump stops", start: 4, end: 18 }],
  ["it lies outside of the piece", { quote: "前", start: 0, end: 1 }],
  ["there is none", { quote: "", start: 4, end: 18 }],
  ["its place is empty", { quote: "x", start: 4, end: 4 }],
])("nothing is marked when %s", (_why, target) => {
  expect(parts(at(1, 19), target)).toEqual({ before: slicePoints(WHOLE, 1, 19), quoted: "", after: "" });
});

test("a piece grows in both directions without doubling", () => {
  const grown = withLater(withEarlier(at(3, 10), at(0, 6)), at(7, 22));
  expect(grown).toEqual(at(0, 22));
});

test("what does not meet is not joined", () => {
  expect(withLater(at(0, 3), at(5, 9))).toEqual(at(0, 3));
  expect(withEarlier(at(3, 6), at(4, 9))).toEqual(at(3, 6));
});
