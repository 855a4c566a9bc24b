import { expect, test } from "vitest";
import type { Recorded } from "../src/admin/AuditPage";
import { byDay, median } from "../src/admin/usage";

const answered = (at: string, verdict: string) => ({ at, verdict }) as Recorded;

test("answers by day and kind, days without any in between", () => {
  const days = byDay([
    answered("2026-11-24T23:59:59Z", "supported"),
    answered("2026-11-22T00:00:00Z", "off_topic"),
    answered("2026-11-22T10:00:00Z", "insufficient_context"),
    answered("2026-11-22T11:00:00Z", "partial"),
    answered("2026-11-24T08:00:00Z", "quoted"),
  ]);
  const at = (day: number) => Date.UTC(2026, 10, day) / 1000;
  expect(days).toEqual([
    { at: at(22), supported: 0, quoted: 0, silent: 2, doubtful: 1 },
    { at: at(23), supported: 0, quoted: 0, silent: 0, doubtful: 0 },
    { at: at(24), supported: 1, quoted: 1, silent: 0, doubtful: 0 },
  ]);
});

test("the median", () => {
  expect(median([])).toBeNull();
  expect(median([5, 1, 100])).toBe(5);
  expect(median([4, 1, 2, 3])).toBe(2);
});
