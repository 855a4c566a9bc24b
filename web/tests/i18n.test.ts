import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const SOURCE = join(import.meta.dirname, "../src");
const FOLDER = join(SOURCE, "i18n");
const codes = readdirSync(FOLDER).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));

function flat(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  return Object.entries(value as object).flatMap(([name, inner]) => flat(inner, path ? `${path}.${name}` : name));
}

/** Languages have plural forms of their own: `_one` and `_other` are one key. */
function words(code: string): Map<string, string> {
  const entries = flat(JSON.parse(readFileSync(join(FOLDER, `${code}.json`), "utf-8")));
  return new Map(entries.map(([key, text]) => [key.replace(/_(zero|one|two|few|many|other)$/, ""), text]));
}

const english = words("en");
const holes = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((found) => found[1]).sort();

test.each(codes)("%s says everything that English says, and no more", (code) => {
  expect([...words(code).keys()].sort()).toEqual([...english.keys()].sort());
});

test.each(codes)("%s fills in what English fills in, and leaves nothing empty", (code) => {
  for (const [key, text] of words(code)) {
    expect(text.trim(), key).not.toBe("");
    expect(holes(text), key).toEqual(holes(english.get(key)!));
  }
});

test.each(codes)("%s has every plural form that it needs", (code) => {
  const keys = flat(JSON.parse(readFileSync(join(FOLDER, `${code}.json`), "utf-8"))).map(([key]) => key);
  const forms = new Intl.PluralRules(code).resolvedOptions().pluralCategories;
  for (const key of keys.filter((one) => one.endsWith("_other"))) {
    for (const form of forms) expect(keys).toContain(key.replace(/_other$/, `_${form}`));
  }
});

test("every key that the page names is there", () => {
  const sources = readdirSync(SOURCE, { recursive: true, encoding: "utf-8" }).filter((name) => /\.tsx?$/.test(name));
  const used = sources.flatMap((name) =>
    [...readFileSync(join(SOURCE, name), "utf-8").matchAll(/\bt\(\s*"([\w.]+)"/g)].map((found) => found[1]!),
  );
  expect(used.length).toBeGreaterThan(100);
  expect(used.filter((key) => !english.has(key))).toEqual([]);
});
