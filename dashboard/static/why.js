// Why is it not done? The way of one upload, the first thing that is missing, its cause and the fix.

import { html, useRef } from "./vendor/standalone.module.js";
import { apiUrl } from "./api.js";
import { clock, shown, utc } from "./format.js";
import { Empty, Link, Loading, Name, navigate, pathWith, runPath, State, Trouble, useRead } from "./parts.js";

const MARKS = { ok: "✓", missing: "✗", unknown: "?", later: "·", off: "–" };

export function WhyView({ query }) {
  const form = useRef(null);
  const read = useRead(query.of ? apiUrl("/explain", { of: query.of }) : null);
  const apply = (event) => {
    event.preventDefault();
    const of = (new FormData(form.current).get("of") || "").trim();
    navigate(pathWith("/why", { of }));
    if (of === query.of) read.reload();
  };
  return html`
    <h1 tabindex="-1">Why is it not done?</h1>
    <div role="search" aria-label="Explain a run or a file"><form ref=${form} class="filters" onSubmit=${apply}>
      <label class="grow">Run id, or the name of a file <input name="of" type="text" value=${query.of || ""} required placeholder="orders/january.json" autocomplete="off" spellcheck=${false} /></label>
      <div class="buttons"><button type="submit">Explain</button></div>
    </form></div>
    ${!query.of && html`<${Empty} title="Ask about one file">The answer walks its whole way, from the blob to the mail, and names the first thing that is missing. The same as <code>batchjson explain</code>.<//>`}
    ${read.error && html`<${Trouble} error=${read.error} retry=${read.reload} />`}
    ${query.of && read.loading && html`<${Loading} what="Looking" />`}
    ${read.data && html`<${Answer} found=${read.data} />`}
  `;
}

export function Answer({ found }) {
  const kind = found.missing ? (found.waits ? "wait" : "bad") : "good";
  return html`
    <div class="note ${kind}">
      <p>${found.state && html`<${State} state=${found.state} /> `}
        ${found.run_id ? html`<${Link} to=${runPath(found)}><${Name}>${found.blob}<//><//>` : html`<${Name}>${found.blob}<//>`}</p>
      <p>${found.missing ? html`<strong>Missing: ${found.missing}.</strong> ` : ""}${shown(found.cause)}</p>
      ${found.fix ? html`<p><strong>What to do.</strong> ${shown(found.fix)}</p>` : found.waits ? html`<p><strong>What to do.</strong> Wait: only time is needed.</p>` : ""}
    </div>
    <table class="steps">
      <caption class="hidden">Steps</caption>
      <thead><tr><th scope="col">Step</th><th scope="col">Found</th><th scope="col" class="wide">When</th><th scope="col">What was seen</th></tr></thead>
      <tbody>${found.steps.map((step) => html`<tr>
        <th scope="row">${step.name}</th>
        <td class="fixed"><span class="found ${step.status}"><span class="mark" aria-hidden="true">${MARKS[step.status]}</span>${step.status}</span></td>
        <td class="fixed wide">${step.at && html`<time datetime=${step.at} title=${utc(step.at)}>${clock(step.at).slice(0, 8)}</time>`}</td>
        <td class="seen">${shown(step.what)}</td>
      </tr>`)}</tbody>
    </table>
  `;
}
