/** What the server sends; see /openapi.json. Offsets count Unicode code points. */

export type ClaimVerdict = "supported" | "quoted" | "unsupported" | "not_checked";
export type AnswerVerdict =
  | "supported"
  | "partial"
  | "quoted"
  | "insufficient_context"
  | "off_topic"
  | "not_checked";

export interface Version {
  document_id: string;
  title: string;
  source: string;
  edition: string;
  modified: number | null;
}

export interface Citation extends Version {
  n: number;
  page: number | null;
  heading: string[];
  quote: string;
  start: number;
  end: number;
  superseded_by: Version | null;
  supersedes: Version[];
}

export interface Quote extends Citation {
  score: number;
}

export interface Claim {
  text: string;
  start: number;
  end: number;
  verdict: ClaimVerdict;
  score: number;
  citations: number[];
  signals: Record<string, number | string | boolean>;
}

export interface Disagreement {
  n: number;
  document: Version;
  quote: string;
  start: number;
  end: number;
  newer: boolean;
}

export interface Gap {
  kind: "part" | "fact";
  text: string;
  n: number | null;
}

export interface NearDocument extends Version {
  language: string;
  superseded_by: Version | null;
}

export interface Answer {
  answer: string;
  verdict: AnswerVerdict;
  claims: Claim[];
  citations: Citation[];
  language: string;
  model: { name: string; revision: string; licence: string } | null;
  usage: Record<string, number>;
  timings_ms: Record<string, number>;
  question: string;
  standalone_question: string;
  nearest: NearDocument[];
  notices: string[];
  disagreements: Disagreement[];
  gaps: Gap[];
  scores: Record<string, number>;
}

export type Reason = "" | "wrong" | "incomplete" | "off_topic" | "outdated" | "other";

export interface FeedbackIn {
  rating: "up" | "down";
  reason: Reason;
  comment: string;
  corrected: string;
}

export interface Feedback extends FeedbackIn {
  id: string;
  state: "open" | "done";
  created: string;
}

export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant";
  content: string;
  created: string;
  status: "done" | "streaming" | "stopped" | "failed";
  answer: Answer | null;
  suggestions: string[];
  feedback: Feedback | null;
}

export interface Conversation {
  id: string;
  title: string;
  created: string;
  updated: string;
  collections: string[];
}

export interface WholeConversation extends Conversation {
  active: string | null;
  messages: Message[];
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Person {
  id: string;
  name: string;
  email: string;
  role: "reader" | "editor" | "administrator";
  groups: string[];
}

export interface Session {
  user: Person | null;
  csrf: string;
  sign_in: { password: boolean; oidc: { name: string } | null; proxy: boolean };
  version: string;
}

export interface Collection {
  name: string;
  documents: number;
  private: boolean;
}

export interface DocumentRow {
  id: string;
  title: string;
  source: string;
  uri: string;
  collection: string;
  language: string;
  mime: string;
  size: number | null;
  modified: string | null;
  edition: string;
  error: string;
  superseded_by: Version | null;
  readable: boolean;
}

export interface TextWindow {
  title: string;
  text: string;
  from: number;
  start: number;
  end: number;
  headings: string[];
}

export interface Boxes {
  page: number | null;
  width: number;
  height: number;
  rects: [number, number, number, number][];
}

export interface Job {
  id: string;
  kind: string;
  source: string;
  state: string;
  note: string;
  requested_by: "person" | "schedule";
  phase: string;
  done: number;
  total: number;
  unit: "documents" | "passages";
  rate: number | null;
  seconds_left: number | null;
  current: string;
  created: string;
  started: string | null;
  finished: string | null;
  error: string;
  remedy: string;
  report: {
    added?: number;
    updated?: number;
    unchanged?: number;
    removed?: number;
    failed?: number;
    failures?: { source: string; error: string }[];
  } | null;
}

export interface Source {
  name: string;
  kind: string;
  location: string;
  collection: string;
  groups: string[];
  schedule: string;
  origin: string;
  created: string | null;
  files: number;
  failed: number;
}
