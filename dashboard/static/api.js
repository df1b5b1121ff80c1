// Talks to the API: answers as objects, problems as errors with a sentence that can be shown.

export const BASE = document.body.dataset.base;
const API = `${BASE}/api`;
const LONGEST_MS = 60_000;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function get(path, signal) {
  return ask(path, { signal });
}

export function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Batchjson-Action": "1" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

export function apiUrl(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(given).toString();
  return API + path + (text ? `?${text}` : "");
}

async function ask(path, options) {
  const late = AbortSignal.timeout(LONGEST_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, late]) : late;
  let answer;
  try {
    answer = await fetch(path, { ...options, signal, credentials: "same-origin", redirect: "error" });
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new ApiError(0, "The dashboard's server does not answer. Is it running, and are you still signed in?");
  }
  if (!answer.ok) throw new ApiError(answer.status, await reason(answer));
  return answer.json();
}

async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error || `The server answered ${answer.status}.`;
  } catch {
    return `The server answered ${answer.status}; its log says why.`;
  }
}
