/** Requests to the server: JSON in and out, the session's CSRF token, errors as RFC 9457 problems. */

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  remedy: string;
  request_id: string;
}

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "ProblemError";
  }
}

let csrf = "";

/** The token that unsafe requests carry; it comes with the session. */
export function setCsrf(token: string): void {
  csrf = token;
}

export function unsafeHeaders(): Record<string, string> {
  return csrf ? { "X-CSRF-Token": csrf } : {};
}

/** The problem in a response that is not OK, also when a proxy in between answered something else. */
export async function problemOf(response: Response): Promise<Problem> {
  const unknown: Problem = {
    type: "about:blank",
    title: response.statusText,
    status: response.status,
    detail: response.statusText || `HTTP ${response.status}`,
    remedy: "",
    request_id: response.headers.get("X-Request-ID") ?? "",
  };
  if (!response.headers.get("Content-Type")?.includes("json")) return unknown;
  try {
    return { ...unknown, ...((await response.json()) as Partial<Problem>) };
  } catch {
    return unknown;
  }
}

/** A failed connection has no response: status 0. */
export function unreachable(): Problem {
  return { type: "about:blank", title: "", status: 0, detail: "", remedy: "", request_id: "" };
}

export function problemFrom(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return { ...unreachable(), detail: error instanceof TypeError ? "" : String(error) };
}

export interface Request {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  query?: Record<string, string | number | boolean | null | undefined>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export function address(path: string, query: Request["query"] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `/v1${path}${given.length ? `?${search}` : ""}`;
}

/** The response, whatever its type. Throws ProblemError, or what fetch throws without a connection. */
export async function send(path: string, request: Request = {}): Promise<Response> {
  const method = request.method ?? "GET";
  const response = await fetch(address(path, request.query), {
    method,
    signal: request.signal,
    credentials: "same-origin",
    headers: {
      ...(method === "GET" ? {} : unsafeHeaders()),
      ...(request.body === undefined ? {} : { "Content-Type": "application/json" }),
      ...request.headers,
    },
    body: request.body === undefined ? undefined : JSON.stringify(request.body),
  });
  if (!response.ok) throw new ProblemError(await problemOf(response));
  return response;
}

export async function json<T>(path: string, request: Request = {}): Promise<T> {
  const response = await send(path, request);
  return (response.status === 204 ? undefined : await response.json()) as T;
}
