// Runs: newest first, filtered by what stands in the address, a page at a time.

import { html, useRef, useState } from "./vendor/standalone.module.js";
import { apiUrl } from "./api.js";
import { Replay } from "./replay.js";
import { bytes, count, duration, money, plural, shown, utc } from "./format.js";
import { Empty, Freshness, Link, Loading, Name, navigate, pathWith, runPath, State, STATES, Trouble, useClock, useRead, When } from "./parts.js";

const SECONDS = 10;
const FIELDS = ["state", "prefix", "text", "since", "until"];
const AGES = ["30m", "1h", "6h", "24h", "7d", "30d"];

export function RunsView({ query, session }) {
  const [paused, setPaused] = useState(false);
  const [replaying, setReplaying] = useState(false);
  const where = Object.fromEntries(FIELDS.map((name) => [name, query[name] || ""]));
  const filtered = FIELDS.some((name) => where[name]);
  const later = Boolean(query.after);
  const read = useRead(apiUrl("/runs", { ...where, after: query.after }), later ? 0 : SECONDS, paused);
  const { data, error } = read;
  const replayable = session.may_act && (!where.state || ["succeeded", "rejected", "failed", "lost"].includes(where.state));
  return html`
    <div class="title">
      <h1 tabindex="-1">Runs</h1>
      ${!later && html`<${Freshness} ...${read} seconds=${SECONDS} paused=${paused} setPaused=${setPaused} />`}
    </div>
    <${FilterForm} key=${JSON.stringify(where)} where=${where} filtered=${filtered} />
    <div class="bar-of-actions">
      <a class="button quiet" href=${apiUrl("/runs.csv", where)} download>Export as CSV</a>
      ${replayable && html`<button type="button" class="quiet" onClick=${() => setReplaying(true)}>Replay all that fit …</button>`}
    </div>
    ${error && html`<${Trouble} error=${error} retry=${read.reload} />`}
    ${read.loading && html`<${Loading} what="Looking" />`}
    ${data && html`<${Page} page=${data} where=${where} later=${later} filtered=${filtered} />`}
    ${replaying && html`<${Replay} order=${{ where: given(where) }} close=${() => setReplaying(false)} done=${read.reload} />`}
  `;
}

const given = (where) => Object.fromEntries(Object.entries(where).filter(([, value]) => value));

function FilterForm({ where, filtered }) {
  const form = useRef(null);
  const apply = (event) => {
    event?.preventDefault();
    const fields = Object.fromEntries(new FormData(form.current));
    navigate(pathWith("/runs", Object.fromEntries(FIELDS.map((name) => [name, (fields[name] || "").trim()]))));
  };
  return html`<div role="search" aria-label="Filter the runs"><form ref=${form} class="filters" onSubmit=${apply}>
    <label>State
      <select name="state" onChange=${apply}>
        <option value="">any</option>
        ${STATES.map((state) => html`<option value=${state} selected=${state === where.state}>${state}</option>`)}
      </select>
    </label>
    <label>Name begins with <input name="prefix" type="text" value=${where.prefix} placeholder="orders/" autocomplete="off" spellcheck=${false} /></label>
    <label>Name or id contains <input name="text" type="text" value=${where.text} placeholder="january, 3f2a…" autocomplete="off" spellcheck=${false} /></label>
    <label>Uploaded since <input name="since" type="text" list="ages" value=${where.since} placeholder="6h, 2026-03-14" autocomplete="off" /></label>
    <label>Uploaded before <input name="until" type="text" list="ages" value=${where.until} placeholder="1h, 2026-03-15" autocomplete="off" /></label>
    <datalist id="ages">${AGES.map((age) => html`<option value=${age}></option>`)}</datalist>
    <div class="buttons">
      <button type="submit">Apply</button>
      ${filtered && html`<${Link} to="/runs" class="button quiet">Clear<//>`}
    </div>
  </form></div>`;
}

function Page({ page, where, later, filtered }) {
  const on = page.next && pathWith("/runs", { ...where, after: page.next });
  return html`
    ${page.runs.length > 0 && html`<${RunsTable} rows=${page.runs} />`}
    ${page.runs.length === 0 && !page.next && html`<${Empty} title=${later ? "No more runs" : filtered ? "No run fits" : "No runs yet"}>
      ${filtered ? "Loosen the filter, or look further back." : html`Drop a file into the input container, or: <code>batchjson upload FILE</code>`}
    <//>`}
    ${page.runs.length === 0 && page.next && html`<${Empty} title="None so far">
      Looked at ${plural(page.looked_at, "run")}${page.back_to && html`, back to ${utc(page.back_to)}`}. There are more.
    <//>`}
    <nav class="pages" aria-label="Pages">
      ${later && html`<${Link} to=${pathWith("/runs", where)} class="button quiet">Newest<//>`}
      ${on && html`<${Link} to=${on} class="button quiet">${page.runs.length ? "Older" : "Look further"}<//>`}
    </nav>
  `;
}

export function RunsTable({ rows }) {
  const now = useClock(5);
  return html`<table class="runs">
    <caption class="hidden">Runs, newest upload first</caption>
    <thead><tr>
      <th scope="col">State</th><th scope="col">File</th><th scope="col">Uploaded</th>
      <th scope="col" class="number">Took</th><th scope="col" class="number wide">Valid</th><th scope="col" class="number wide">Invalid</th>
      <th scope="col" class="number wide">Revenue</th><th scope="col" class="number wide">Size</th>
    </tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.run_id}>
      <td><${State} state=${row.state} /></td>
      <td>
        <${Link} to=${runPath(row)}><${Name}>${row.name}<//><//>${row.attempt > 1 && html` <span class="muted">attempt ${row.attempt}</span>`}
        ${row.code && html`<div class="why"><code>${shown(row.code)}</code> ${shown(row.message || "")} <span class="muted"><${When} at=${row.settled_at} now=${now} /></span></div>`}
      </td>
      <td class="fixed"><${When} at=${row.uploaded_at} now=${now} /></td>
      <td class="number fixed">${row.state === "ignored" ? "" : duration(row.seconds)}</td>
      <td class="number wide">${row.valid === null ? "" : count(row.valid)}</td>
      <td class="number wide ${row.invalid ? "warn" : ""}">${row.invalid === null ? "" : count(row.invalid)}</td>
      <td class="number wide">${money(row.total_revenue)}</td>
      <td class="number wide fixed">${bytes(row.bytes)}</td>
    </tr>`)}</tbody>
  </table>`;
}
