/** Dates, sizes and counts in the language of the page. */

/** `timeZone` where the seconds are the beginning of a day there. */
export function day(seconds: number, language: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone }).format(new Date(seconds * 1000));
}

export function moment(iso: string, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

export function count(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}

export function percent(share: number, language: string): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

export function duration(ms: number, language: string): string {
  const long = ms >= 1000;
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: long ? "second" : "millisecond",
    maximumFractionDigits: long ? 1 : 0,
  }).format(long ? ms / 1000 : ms);
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

export function size(bytes: number, language: string): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: UNITS[power],
    maximumFractionDigits: power ? 1 : 0,
  }).format(bytes / 1000 ** power);
}

/** What a document states of itself, else when its file was changed. */
export function edition(one: { edition: string; modified: number | null }, language: string): string {
  if (one.edition) return one.edition;
  return one.modified === null ? "" : day(one.modified, language);
}
