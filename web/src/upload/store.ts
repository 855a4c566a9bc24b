import { useSyncExternalStore } from "react";
import { address, json, problemFrom, type Problem, ProblemError, unreachable, unsafeHeaders } from "../api/client";
import { queryClient } from "../api/queries";
import type { Job } from "../api/types";

export interface Upload {
  key: number;
  name: string;
  state: "sending" | "reading" | "done" | "failed";
  share: number;
  problem: Problem | null;
}

const POLL_MS = 700;
const pause = () => new Promise((go) => setTimeout(go, POLL_MS));

let uploads: Upload[] = [];
let made = 0;
const listeners = new Set<() => void>();

function change(key: number, part: Partial<Upload>): void {
  uploads = uploads.map((one) => (one.key === key ? { ...one, ...part } : one));
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Send a file. XMLHttpRequest, because fetch does not tell how much of a request has gone. */
function post(file: File, progress: (share: number) => void): Promise<Job> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    // fields before the file: the server learns where it goes before it comes
    form.append("private", "true");
    form.append("file", file);
    request.open("POST", address("/documents"));
    for (const [name, value] of Object.entries(unsafeHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new ProblemError(unreachable()));
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300 && body) resolve(body as Job);
      else reject(new ProblemError({ ...unreachable(), status: request.status, detail: request.statusText, ...body }));
    };
    request.send(form);
  });
}

function parsed(text: string): object | null {
  try {
    return JSON.parse(text) as object;
  } catch {
    return null;
  }
}

/** How reading ended: its error, or "". */
async function outcome(key: number, file: File, first: Job): Promise<{ detail: string; remedy: string }> {
  let job = first;
  while (!job.finished) {
    await pause();
    job = await json<Job>(`/jobs/${job.id}`);
    change(key, { share: job.total ? job.done / job.total : 0 });
  }
  const failed = job.report?.failures?.find((one) => one.source.endsWith(file.name));
  return { detail: failed?.error ?? (job.state === "done" ? job.error : job.error || job.state), remedy: job.remedy };
}

async function send(key: number, file: File): Promise<void> {
  try {
    const job = await post(file, (share) => change(key, { share }));
    change(key, { state: "reading", share: 0 });
    const { detail, remedy } = await outcome(key, file, job);
    if (detail) change(key, { state: "failed", problem: { ...unreachable(), status: 422, detail, remedy } });
    else change(key, { state: "done", share: 1 });
    void queryClient.invalidateQueries({ queryKey: ["collections"] });
  } catch (error) {
    change(key, { state: "failed", problem: problemFrom(error) });
  }
}

export interface UploadsHandle {
  all: Upload[];
  add: (files: File[]) => void;
  clear: (key: number) => void;
}

function add(files: File[]): void {
  for (const file of files) {
    const key = (made += 1);
    uploads = [...uploads, { key, name: file.name, state: "sending", share: 0, problem: null }];
    void send(key, file);
  }
  for (const listener of listeners) listener();
}

function clear(key: number): void {
  uploads = uploads.filter((one) => one.key !== key);
  for (const listener of listeners) listener();
}

/** The private uploads of this page, and how far they are. */
export function useUploads(): UploadsHandle {
  return { all: useSyncExternalStore(subscribe, () => uploads), add, clear };
}
