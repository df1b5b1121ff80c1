// The page: its head, and the view that the address names.

import { html, render, useEffect, useRef, useState } from "./vendor/standalone.module.js";
import { apiUrl, BASE } from "./api.js";
import { Link, Loading, Trouble, useRead } from "./parts.js";
import { ActionsView } from "./actions.js";
import { CostView } from "./cost.js";
import { NowView } from "./now.js";
import { ReferenceView } from "./reference.js";
import { RunView } from "./run.js";
import { RunsView } from "./runs.js";
import { WhyView } from "./why.js";

const VIEWS = [
  { path: "/", title: "Now", view: NowView },
  { path: "/runs", title: "Runs", view: RunsView },
  { path: "/why", title: "Why?", view: WhyView },
  { path: "/cost", title: "Cost", view: CostView },
  { path: "/actions", title: "Actions", view: ActionsView },
  { path: "/reference", title: "API", view: ReferenceView },
];

function place() {
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, "") || "/";
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const run = path.match(/^\/runs\/([0-9a-f]{32})$/);
  if (run) return { path: "/runs", title: "Run", view: RunView, query: { ...query, run_id: run[1] } };
  return { ...(VIEWS.find((each) => each.path === path) || { path, title: "Nothing here", view: Nowhere }), query };
}

function App() {
  const [at, setAt] = useState(place());
  const session = useRead(apiUrl("/session"));
  const heading = useRef(null);
  useEffect(() => {
    const moved = () => setAt(place());
    addEventListener("moved", moved);
    addEventListener("popstate", moved);
    return () => {
      removeEventListener("moved", moved);
      removeEventListener("popstate", moved);
    };
  }, []);
  const where = at.path + (at.query.run_id || "");
  const before = useRef(where);
  useEffect(() => {
    document.title = `${at.title} · batchjson`;
    if (before.current !== where) {
      scrollTo(0, 0);
      document.querySelector("h1")?.focus();
    }
    before.current = where;
  }, [where]);
  return html`
    <a class="skip" href="#content">Skip to the content</a>
    <${Head} at=${at} session=${session.data} />
    <main id="content" ref=${heading}>
      ${session.error ? html`<h1 tabindex="-1">batchjson</h1><${Trouble} error=${session.error} retry=${session.reload} />` : ""}
      ${session.loading ? html`<${Loading} />` : ""}
      ${session.data ? html`<${at.view} key=${where} query=${at.query} session=${session.data} />` : ""}
    </main>
    <${Foot} session=${session.data} />
  `;
}

function Head({ at, session }) {
  return html`<header>
    <div class="brand">
      <${Link} to="/" class="product"><img src=${new URL("icon.svg", import.meta.url).pathname} alt="" width="26" height="26" /> batchjson<//>
      ${session && html`<span class="where muted" title="Storage account and pool">${session.account} · ${session.pool}</span>`}
    </div>
    <nav aria-label="Views">
      <ul>
        ${VIEWS.map((each) => html`<li><${Link} to=${each.path} aria-current=${each.path === at.path ? "page" : null}>${each.title}<//></li>`)}
      </ul>
    </nav>
    <${Theme} />
  </header>`;
}

function Theme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const [theme, setTheme] = useState(document.documentElement.dataset.theme || system);
  const other = theme === "dark" ? "light" : "dark";
  const change = () => {
    document.documentElement.dataset.theme = other;
    localStorage.setItem("theme", other);
    setTheme(other);
    dispatchEvent(new Event("themed"));
  };
  return html`<button type="button" class="quiet theme" onClick=${change} aria-label=${`Show in ${other}`} title=${`Show in ${other}`}>
    <span aria-hidden="true">${theme === "dark" ? "☀" : "☾"}</span>
  </button>`;
}

function Foot({ session }) {
  if (!session) return null;
  const role = session.may_act ? "may look and act" : session.read_only ? "read-only here" : "may look";
  return html`<footer class="muted">
    <span>${session.on_laptop ? "On this machine" : session.name} · ${role}</span>
    ${session.sign_out && html` · <a href=${session.sign_out}>Sign out</a>`}
    <span class="spread">Times are UTC. Figures of cost are estimates.</span>
  </footer>`;
}

function Nowhere() {
  return html`<h1 tabindex="-1">Nothing here</h1><p>No view has this address. <${Link} to="/">Go to Now<//></p>`;
}

document.body.replaceChildren();
render(html`<${App} />`, document.body);
