// Speaking to the gateway: every change carries the CSRF token, every refusal becomes an Error with the gateway's words.

import { language, words } from "./words.js";

let csrf = "";

/** What the gateway refused, in words. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function call(method, path, body) {
  const headers = { "Accept-Language": language };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(25000) });
  } catch {
    throw new Refused(0, "not-sent", words.notSent);
  }
  if (response.status === 204 || response.status === 202) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const error = answer?.error ?? { code: "unknown", message: `HTTP ${response.status}` };
  throw new Refused(response.status, error.code, error.message);
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);

/** Sign in; the session's token stays in a cookie that scripts can't read. */
export async function signIn(name, password) {
  csrf = "";
  return keep(await call("POST", "/api/session", { name, password }));
}

/** The session of this browser. */
export async function session() {
  return keep(await get("/api/session"));
}

/** Why the gateway gives no live events, in its words; empty where it gives them or does not answer. */
export async function whyNoEvents() {
  const asking = new AbortController();
  try {
    const response = await fetch("/api/events", { headers: { "Accept-Language": language }, signal: asking.signal });
    return response.ok ? "" : ((await response.json()).error?.message ?? "");
  } catch {
    return "";
  } finally {
    asking.abort();
  }
}

export const signOut = () => call("DELETE", "/api/session");

function keep(answer) {
  csrf = answer.csrf;
  return answer;
}
