import type { Recorded } from "./AuditPage";

export interface Day {
  /** Seconds since the epoch, at the beginning of the day in UTC. */
  at: number;
  supported: number;
  quoted: number;
  silent: number;
  doubtful: number;
}

const DAY_S = 86_400;
const KIND: Record<string, keyof Omit<Day, "at">> = {
  supported: "supported",
  quoted: "quoted",
  insufficient_context: "silent",
  off_topic: "silent",
};

/** Answers by day and kind, without holes, from the first day to the last. */
export function byDay(recorded: readonly Recorded[]): Day[] {
  const found = new Map<number, Day>();
  const dayOf = (iso: string) => Math.floor(Date.parse(iso) / 1000 / DAY_S) * DAY_S;
  for (const one of recorded) {
    const at = dayOf(one.at);
    const day = found.get(at) ?? { at, supported: 0, quoted: 0, silent: 0, doubtful: 0 };
    day[KIND[one.verdict] ?? "doubtful"] += 1;
    found.set(at, day);
  }
  const days = [...found.keys()];
  if (!days.length) return [];
  const length = (Math.max(...days) - Math.min(...days)) / DAY_S + 1;
  const first = Math.min(...days);
  return Array.from({ length }, (_, step) => {
    const at = first + step * DAY_S;
    return found.get(at) ?? { at, supported: 0, quoted: 0, silent: 0, doubtful: 0 };
  });
}

/** The value that half of all are at most; null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
