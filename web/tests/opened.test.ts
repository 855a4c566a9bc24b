import { expect, test } from "vitest";
import { targetOfAddress } from "../src/document/opened";

test("an address names a document, and where in it", () => {
  const target = targetOfAddress("/d/5e0c3f7a9d1b42c8", "?start=5&end=11");
  expect(target).toMatchObject({ document: "5e0c3f7a9d1b42c8", start: 5, end: 11, page: null, quote: "" });
});

test("an address tells how the words at its place begin", () => {
  const target = targetOfAddress("/d/5e0c", "?start=5&end=11&words=%E5%B9%B4%E5%81%87+5");
  expect(target).toMatchObject({ start: 5, end: 11, quote: "年假 5" });
});

test.each(["", "?start=5", "?start=-5&end=11", "?start=x&end=11", "?start=11&end=5"])("without a place: %s", (search) => {
  expect(targetOfAddress("/d/5e0c", search)).toMatchObject({ document: "5e0c", start: 0, end: 0 });
});

test.each(["/", "/c/5e0c", "/d/", "/d/a/b"])("no document: %s", (path) => {
  expect(targetOfAddress(path, "?start=5&end=11")).toBeNull();
});
