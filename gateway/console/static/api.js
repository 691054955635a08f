// Speaking to the gateway: every change carries the CSRF token, every refusal becomes an Error with the gateway's words.

import { language, words } from "./words.js";

const CLIP_AGAIN_MS = 1000;
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

/** A response that is read by the caller; a refusal is an Error with the gateway's words. */
export async function openStream(path, signal, headers = {}) {
  let response;
  try {
    response = await fetch(path, { headers: { "Accept-Language": language, ...headers }, signal });
  } catch (error) {
    throw signal.aborted ? error : new Refused(0, "not-sent", words.notSent);
  }
  if (response.ok) return response;
  const error = (await response.json().catch(() => null))?.error ?? { code: "unknown", message: `HTTP ${response.status}` };
  throw new Refused(response.status, error.code, error.message);
}

/** A picture, and when it was taken (milliseconds since 1970). */
export async function getBlob(path, signal) {
  const response = await openStream(path, AbortSignal.any([signal, AbortSignal.timeout(25000)]));
  return { blob: await response.blob(), taken: Date.parse(response.headers.get("X-Taken-At")) };
}

/** Wait until a clip is made; its headers, and none of it. */
export async function getReady(path, signal) {
  for (;;) {
    try {
      const response = await openStream(path, signal, { Range: "bytes=0-0" });
      await response.arrayBuffer();
      return response;
    } catch (error) {
      if (error.code !== "clip-in-the-making" || signal.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, CLIP_AGAIN_MS));
  }
}

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
