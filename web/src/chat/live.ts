/** Answers that are being given: read from the server's events, taken up again when the connection breaks. */

import { problemFrom, type Problem, ProblemError, send } from "../api/client";
import { events, type ServerEvent } from "../api/sse";
import type { Answer, Citation, Claim, Message, Quote } from "../api/types";

export type Phase = "asking" | "searching" | "writing" | "reconnecting" | "ended";

/** `assistant` is null until the server has taken the question. */
export interface Live {
  conversation: string;
  question: string;
  parent: string | null;
  user: Message | null;
  assistant: Message | null;
  evidence: Quote[] | null;
  claims: Claim[];
  citations: Citation[];
  answer: (Answer & { suggestions: string[] }) | null;
  phase: Phase;
  problem: Problem | null;
  lastId: string;
}

const RETRY_MS = [400, 1000, 2000, 4000, 8000];
const FINAL = new Set(["final", "stopped", "error"]);

type Listener = () => void;

export class LiveAnswers {
  private readonly byConversation = new Map<string, Live>();
  /** Quotes by answer, for the inspector: the server does not keep those that were not cited. */
  readonly evidence = new Map<string, Quote[]>();
  private readonly listeners = new Set<Listener>();
  private readonly readers = new Map<string, AbortController>();

  /** `ended` is called once an answer is over and the conversation on the server is the truth again. */
  constructor(
    private readonly ended: (live: Live) => Promise<void>,
    private readonly wait: (ms: number) => Promise<void> = (ms) => new Promise((go) => setTimeout(go, ms)),
  ) {}

  subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get(conversation: string | undefined): Live | undefined {
    return conversation === undefined ? undefined : this.byConversation.get(conversation);
  }

  /** Ask in a conversation. Resolves when the answer is over. */
  ask(conversation: string, content: string, parent: string | null): Promise<void> {
    const body = { content, parent };
    const open = (signal: AbortSignal) =>
      send(`/conversations/${conversation}/messages`, stream({ method: "POST", body, signal }));
    return this.run(fresh(conversation, content, parent), open);
  }

  /** Another answer to the same question. */
  again(conversation: string, question: Message, answer: string): Promise<void> {
    const open = (signal: AbortSignal) =>
      send(`/conversations/${conversation}/messages/${answer}/again`, stream({ method: "POST", signal }));
    return this.run({ ...fresh(conversation, question.content, question.parent), user: question }, open);
  }

  /** Take up an answer that was being given when the page was opened. */
  resume(conversation: string, question: Message, assistant: Message): Promise<void> {
    const live = { ...fresh(conversation, question.content, question.parent), user: question, assistant };
    return this.run(live, (signal) => this.rest(live, signal));
  }

  async stop(conversation: string): Promise<void> {
    const live = this.byConversation.get(conversation);
    if (!live?.assistant) return;
    await send(`/conversations/${conversation}/messages/${live.assistant.id}/stop`, { method: "POST" });
  }

  /** Forget a failed answer, or stop listening to one whose conversation is gone. */
  dismiss(conversation: string): void {
    this.readers.get(conversation)?.abort();
    this.byConversation.delete(conversation);
    this.tell();
  }

  private async run(first: Live, open: (signal: AbortSignal) => Promise<Response>): Promise<void> {
    const key = first.conversation;
    if (this.readers.has(key)) return;
    const reader = new AbortController();
    this.readers.set(key, reader);
    this.change(first);
    try {
      await this.read(key, open, reader.signal);
    } catch (error) {
      if (!reader.signal.aborted) this.patch(key, { problem: problemFrom(error), phase: "ended" });
    } finally {
      this.readers.delete(key);
    }
    const live = this.byConversation.get(key);
    if (!live || reader.signal.aborted) return;
    if (live.assistant) {
      await this.ended(live).catch(() => undefined);
      if (!live.problem) this.byConversation.delete(key);
      this.tell();
    }
  }

  private async read(key: string, open: (signal: AbortSignal) => Promise<Response>, signal: AbortSignal): Promise<void> {
    let tries = 0;
    let response: Response | null = null;
    for (;;) {
      try {
        response = response ? await this.rest(this.byConversation.get(key)!, signal) : await open(signal);
        if (response.status === 204) return;
        for await (const event of events(response)) {
          tries = 0;
          this.take(key, event);
          if (FINAL.has(event.event)) return;
        }
      } catch (error) {
        // what the server refused will be refused again; without an answer there is nothing to take up
        if (error instanceof ProblemError && error.problem.status < 500) throw error;
        if (signal.aborted || !this.byConversation.get(key)?.assistant) throw error;
        response ??= new Response();
      }
      const delay = RETRY_MS[tries];
      if (delay === undefined || !this.byConversation.get(key)?.assistant) throw new TypeError("connection lost");
      tries += 1;
      this.patch(key, { phase: "reconnecting" });
      await this.wait(delay);
    }
  }

  private rest(live: Live, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = live.lastId ? { "Last-Event-ID": live.lastId } : {};
    return send(
      `/conversations/${live.conversation}/messages/${live.assistant!.id}/events`,
      stream({ signal, headers }),
    );
  }

  private take(key: string, event: ServerEvent): void {
    const live = this.byConversation.get(key);
    if (!live) return;
    const data: unknown = JSON.parse(event.data);
    this.change(applied(live, event.event, data, event.id));
    const now = this.byConversation.get(key)!;
    if (event.event === "evidence" && now.assistant) this.evidence.set(now.assistant.id, now.evidence ?? []);
  }

  private patch(key: string, part: Partial<Live>): void {
    const live = this.byConversation.get(key);
    if (live) this.change({ ...live, ...part });
  }

  private change(live: Live): void {
    this.byConversation.set(live.conversation, live);
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

function fresh(conversation: string, question: string, parent: string | null): Live {
  return {
    conversation,
    question,
    parent,
    user: null,
    assistant: null,
    evidence: null,
    claims: [],
    citations: [],
    answer: null,
    phase: "asking",
    problem: null,
    lastId: "",
  };
}

function stream(request: Parameters<typeof send>[1]): Parameters<typeof send>[1] {
  return { ...request, headers: { Accept: "text/event-stream", ...request?.headers } };
}

/** The state after one event. */
export function applied(live: Live, name: string, data: unknown, id: string): Live {
  const next = { ...live, lastId: id || live.lastId };
  switch (name) {
    case "message": {
      // from the beginning: a replay must not double what came before
      const { user, assistant } = data as { user: Message; assistant: Message };
      return { ...next, user, assistant, evidence: null, claims: [], citations: [], phase: "searching" };
    }
    case "evidence":
      return { ...next, evidence: (data as { evidence: Quote[] }).evidence, phase: "writing" };
    case "sentence": {
      const { claim, citations } = data as { claim: Claim; citations: Citation[] };
      return {
        ...next,
        claims: [...live.claims, claim],
        citations: [...live.citations, ...citations],
        phase: "writing",
      };
    }
    case "final":
      return { ...next, answer: data as Live["answer"], phase: "ended" };
    case "stopped":
      return { ...next, assistant: data as Message, phase: "ended" };
    case "error":
      return { ...next, problem: data as Problem, phase: "ended" };
    default:
      return next;
  }
}
