// The small parts that all views are made of.

import { html, useEffect, useRef, useState } from "./vendor/standalone.module.js";
import { BASE, get } from "./api.js";
import { ago, shown, utc } from "./format.js";

export const STATES = ["claimed", "submitted", "succeeded", "rejected", "failed", "lost", "ignored"];
const MARKS = { claimed: "·", submitted: "…", succeeded: "✓", rejected: "!", failed: "✗", lost: "?", ignored: "–" };

// ---- going from view to view

export function navigate(path, { replace = false } = {}) {
  const url = BASE + path;
  if (url !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", url);
  dispatchEvent(new Event("moved"));
}

export function Link({ to, children, ...more }) {
  const follow = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    navigate(to);
  };
  return html`<a href=${BASE + to} onClick=${follow} ...${more}>${children}</a>`;
}

export const pathWith = (path, query) => {
  const given = Object.entries(query).filter(([, value]) => value);
  const text = new URLSearchParams(given).toString();
  return path + (text ? `?${text}` : "");
};

export const runPath = (run) => `/runs/${encodeURIComponent(run.run_id)}`;

// ---- data that is read again and again

export function useClock(seconds = 1) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return now;
}

// Reads `url` at once and then every so many seconds (0: once), unless paused or out of sight.
// What was read stays when a later reading fails, with the error beside it.
export function useRead(url, seconds = 0, paused = false) {
  const [state, setState] = useState({ url, data: null, error: null, at: 0 });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!url) return undefined;
    const stop = new AbortController();
    let timer = null;
    const again = () => {
      if (seconds && !stop.signal.aborted) timer = setTimeout(read, seconds * 1000);
    };
    const read = async () => {
      if (document.hidden && seconds) return again();
      try {
        const data = await get(url, stop.signal);
        setState({ url, data, error: null, at: Date.now() });
      } catch (error) {
        if (stop.signal.aborted) return undefined;
        setState((before) => (before.url === url ? { ...before, error } : { url, data: null, error, at: 0 }));
      }
      return again();
    };
    if (!(paused && turn === 0 && state.url === url && state.data)) read();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [url, paused ? 0 : seconds, turn]);
  const mine = state.url === url ? state : { url, data: null, error: null, at: 0 };
  return { ...mine, loading: !mine.data && !mine.error, reload: () => setTurn(turn + 1) };
}

// "Updated 3 s ago", marked when that is longer ago than it should be, and the switch that stops it.
export function Freshness({ at, error, seconds, paused, setPaused, reload }) {
  const now = useClock();
  const stale = at > 0 && !paused && now - at > seconds * 3000;
  const said = at ? `Updated ${ago(new Date(at).toISOString(), now)}` : "Reading …";
  const why = error ? "The last reading failed" : paused ? "Paused" : stale ? "Stale" : "";
  return html`<div class="freshness">
    <span class=${why && !paused ? "stale" : "muted"}>${why && html`<strong>${why}.</strong> `}${said}</span>
    ${paused && html`<button type="button" class="quiet" onClick=${reload}>Read now</button>`}
    <button type="button" class="quiet" aria-pressed=${paused ? "true" : "false"} onClick=${() => setPaused(!paused)}>
      ${paused ? "Go on" : "Pause"}
    </button>
  </div>`;
}

// ---- words

export function State({ state }) {
  return html`<span class="state ${state}"><span class="mark" aria-hidden="true">${MARKS[state] || "·"}</span>${state}</span>`;
}

export function When({ at, now }) {
  return at ? html`<time datetime=${at} title=${utc(at)}>${ago(at, now)}</time>` : null;
}

export function Name({ children }) {
  return html`<span class="name">${shown(children)}</span>`;
}

// ---- what stands in for content

export function Loading({ what = "Reading" }) {
  return html`<p class="muted" role="status"><span class="spinner" aria-hidden="true"></span>${what} …</p>`;
}

export function Trouble({ error, retry }) {
  return html`<div class="note bad" role="alert">
    <p><strong>This could not be read.</strong> ${shown(error.message || error)}</p>
    ${retry && html`<button type="button" class="quiet" onClick=${retry}>Try again</button>`}
  </div>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><p><strong>${title}</strong></p>${children && html`<p class="muted">${children}</p>`}</div>`;
}

export function Stat({ label, value, note, kind = "" }) {
  return html`<div class="stat ${kind}"><dt>${label}</dt><dd>${value}</dd>${note && html`<dd class="muted">${note}</dd>`}</div>`;
}

export function Section({ title, id, aside, children }) {
  return html`<section aria-labelledby=${id}>
    <div class="title"><h2 id=${id}>${title}</h2>${aside}</div>
    ${children}
  </section>`;
}

// A table that can be scrolled sideways by keyboard, too, where it is too wide.
export function Scroller({ label, children }) {
  const box = useRef(null);
  const [wide, setWide] = useState(false);
  useEffect(() => {
    const look = () => box.current && setWide(box.current.scrollWidth > box.current.clientWidth + 1);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [children]);
  const more = wide ? { tabIndex: 0, role: "region", "aria-label": `${label}, to be scrolled` } : {};
  return html`<div class="scroller" ref=${box} ...${more}>${children}</div>`;
}

// ---- a question before something is done

export function Dialog({ title, close, children, footer }) {
  const box = useRef(null);
  useEffect(() => {
    box.current.showModal();
    return () => box.current?.close();
  }, []);
  return html`<dialog ref=${box} aria-labelledby="dialog-title" onClose=${close}>
    <article>
      <h2 id="dialog-title">${title}</h2>
      ${children}
      <footer class="buttons">${footer}</footer>
    </article>
  </dialog>`;
}
