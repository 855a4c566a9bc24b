import { afterEach, expect, test, vi } from "vitest";
import type { Message } from "../src/api/types";
import { type Live, LiveAnswers } from "../src/chat/live";

const base = { parent: null, created: "2026-11-25T08:00:00Z", answer: null, suggestions: [], feedback: null };
const USER = { ...base, id: "u1", role: "user", content: "How long?", status: "done" } as Message;
const ASSISTANT = { ...base, id: "a1", role: "assistant", content: "", status: "streaming", parent: "u1" } as Message;
const claim = (text: string) => ({ text, start: 0, end: text.length, verdict: "supported", score: 1, citations: [], signals: {} });

const began = event(0, "message", { user: USER, assistant: ASSISTANT });
const found = event(1, "evidence", { evidence: [{ n: 1 }] });
const first = event(2, "sentence", { claim: claim("One."), citations: [] });
const second = event(3, "sentence", { claim: claim("Two."), citations: [] });
const final = event("end", "final", { answer: "One. Two.", suggestions: [] });

function event(id: number | string, name: string, data: unknown): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

interface Asked {
  url: string;
  method: string;
  lastId: string | null;
}

/** A server that answers each request with the next of these: text that is streamed, or a whole response. */
function serve(...answers: (string | Response | Error)[]): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    asked.push({ url, method: init.method!, lastId: new Headers(init.headers).get("Last-Event-ID") });
    const next = answers.shift();
    if (next === undefined) throw new Error("asked too often");
    if (next instanceof Error) return Promise.reject(next);
    return Promise.resolve(typeof next === "string" ? new Response(next) : next);
  });
  return asked;
}

function answers(): { live: LiveAnswers; ended: Live[]; waited: number[] } {
  const ended: Live[] = [];
  const waited: number[] = [];
  const settle = (one: Live) => Promise.resolve(void ended.push(one));
  return { live: new LiveAnswers(settle, (ms) => Promise.resolve(void waited.push(ms))), ended, waited };
}

afterEach(() => vi.unstubAllGlobals());

test("an answer comes sentence by sentence and is then the server's", async () => {
  serve(began + found + first + second + final);
  const { live, ended } = answers();
  const phases: (string | undefined)[] = [];
  live.subscribe(() => phases.push(live.get("c1")?.phase));
  await live.ask("c1", "How long?", null);
  expect(ended[0]!.claims.map((one) => one.text)).toEqual(["One.", "Two."]);
  expect(ended[0]!.answer!.answer).toBe("One. Two.");
  expect(phases).toEqual(["asking", "searching", "writing", "writing", "writing", "ended", undefined]);
  expect(live.get("c1")).toBeUndefined();
  expect(live.evidence.get("a1")).toEqual([{ n: 1 }]);
});

test("a broken stream is taken up after the last event", async () => {
  const asked = serve(began + found + first, new TypeError("network"), second + final);
  const { live, ended, waited } = answers();
  await live.ask("c1", "How long?", null);
  expect(asked).toEqual([
    { url: "/v1/conversations/c1/messages", method: "POST", lastId: null },
    { url: "/v1/conversations/c1/messages/a1/events", method: "GET", lastId: "2" },
    { url: "/v1/conversations/c1/messages/a1/events", method: "GET", lastId: "2" },
  ]);
  expect(waited).toEqual([400, 1000]);
  expect(ended[0]!.claims.map((one) => one.text)).toEqual(["One.", "Two."]);
});

test("a replay from the beginning doubles nothing", async () => {
  serve(began + first, began + first + second + final);
  const { live, ended } = answers();
  await live.ask("c1", "How long?", null);
  expect(ended[0]!.claims.map((one) => one.text)).toEqual(["One.", "Two."]);
});

test("half an event at the break is not taken", async () => {
  serve(began + first + second.slice(0, 20), second + final);
  const { live, ended } = answers();
  await live.ask("c1", "How long?", null);
  expect(ended[0]!.claims.map((one) => one.text)).toEqual(["One.", "Two."]);
});

test("a server that stays away is told, and what was said stays", async () => {
  serve(began + first, ...Array.from({ length: 5 }, () => new TypeError("network")));
  const { live } = answers();
  await live.ask("c1", "How long?", null);
  expect(live.get("c1")).toMatchObject({ phase: "ended", problem: { status: 0 } });
  expect(live.get("c1")!.claims).toHaveLength(1);
});

test("what the server refuses is not asked for again", async () => {
  const problem = { status: 422, detail: "The question is longer than 2000 characters.", remedy: "Shorten it." };
  const refused = new Response(JSON.stringify(problem), {
    status: 422,
    headers: { "Content-Type": "application/problem+json" },
  });
  const asked = serve(refused);
  const { live, ended } = answers();
  await live.ask("c1", "How long?", null);
  expect(asked).toHaveLength(1);
  expect(live.get("c1")!.problem).toMatchObject(problem);
  expect(ended).toEqual([]);
  live.dismiss("c1");
  expect(live.get("c1")).toBeUndefined();
});

test("an error in the middle stays to be read", async () => {
  serve(began + first + event("end", "error", { status: 503, detail: "Full.", remedy: "" }));
  const { live, ended } = answers();
  await live.ask("c1", "How long?", null);
  expect(live.get("c1")!.problem).toMatchObject({ detail: "Full." });
  expect(ended).toHaveLength(1);
});

test("an answer that was being given is heard from its beginning", async () => {
  const asked = serve(began + first + second + final);
  const { live, ended } = answers();
  await live.resume("c1", USER, ASSISTANT);
  expect(asked).toEqual([{ url: "/v1/conversations/c1/messages/a1/events", method: "GET", lastId: null }]);
  expect(ended[0]!.claims).toHaveLength(2);
});
