import { createContext, useContext } from "react";
import type { Citation, Disagreement, Version } from "../api/types";

/** A document to show beside the chat; with offsets and quote, at those words. */
export interface Target {
  document: string;
  title: string;
  edition: string;
  heading: string[];
  page: number | null;
  /** Those words, or their beginning. */
  quote: string;
  start: number;
  end: number;
}

export const OpenDocument = createContext<(target: Target) => void>(() => undefined);

export function useOpenDocument(): (target: Target) => void {
  return useContext(OpenDocument);
}

export function targetOfCitation(one: Citation): Target {
  const { document_id, title, edition, heading, page, quote, start, end } = one;
  return { document: document_id, title, edition, heading, page, quote, start, end };
}

/** What an address as /d/ID?start=5&end=11&words=annual names: links from elsewhere, as from Slack, lead there. */
export function targetOfAddress(path: string, search: string): Target | null {
  const document = /^\/d\/([\w-]+)$/.exec(path)?.[1];
  if (document === undefined) return null;
  const asked = new URLSearchParams(search);
  const [start, end] = [Number(asked.get("start")), Number(asked.get("end"))];
  const known = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && end > start;
  const place = known ? { start, end, quote: asked.get("words") ?? "" } : { start: 0, end: 0, quote: "" };
  return { document, title: "", edition: "", heading: [], page: null, ...place };
}

export function targetOfVersion(one: Version, at?: Pick<Disagreement, "quote" | "start" | "end">): Target {
  const place = at ? { quote: at.quote, start: at.start, end: at.end } : { quote: "", start: 0, end: 0 };
  return { document: one.document_id, title: one.title, edition: one.edition, heading: [], page: null, ...place };
}
