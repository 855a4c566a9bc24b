import type { Answer } from "../api/types";

/** An answer as plain text, its sources below it. */
export function withSources(answer: Answer, heading: string): string {
  const sources = answer.citations.map((one) => {
    const place = [one.title || one.source, one.edition, one.page === null ? "" : `p. ${one.page}`, one.heading.join(" › ")];
    return `[${one.n}] ${place.filter(Boolean).join(", ")}\n    “${one.quote.replace(/\s+/g, " ")}”`;
  });
  return [answer.answer, ...(sources.length ? ["", heading, ...sources] : [])].join("\n");
}
