// One run: where it stands, the picture of its steps, its report, what its task wrote, and where everything is.

import { html, useState } from "./vendor/standalone.module.js";
import { apiUrl, post } from "./api.js";
import { Bar } from "./charts.js";
import { amount, bytes, clock, count, duration, plural, shown, utc } from "./format.js";
import { Dialog, Freshness, Link, Loading, Name, pathWith, Section, Stat, State, Trouble, useRead } from "./parts.js";
import { Replay } from "./replay.js";
import { Report } from "./report.js";
import { Answer } from "./why.js";

const SECONDS = 3;
const PHASES = {
  claimed: "waiting for its event", held: "looked at", released: "held back", submitted: "being submitted", running: "waiting for a node", ended: "running on the node",
  settled: "waiting for the poll", published: "being published", mailed: "being mailed", webhook: "calling the webhook",
};
const NEXT = { uploaded: "claimed", claimed: "submitted", held: "released", released: "submitted", submitted: "running", running: "ended", ended: "settled" };

export function RunView({ query, session }) {
  const [paused, setPaused] = useState(false);
  const [asking, setAsking] = useState(null);
  const which = { attempt: query.attempt };
  const base = `/runs/${query.run_id}`;
  const [finished, setFinished] = useState(false);
  const read = useRead(apiUrl(base, which), finished ? 0 : SECONDS, paused);
  const { data, error } = read;
  const done = Boolean(data && data.run.timings.notified_at && !["claimed", "submitted"].includes(data.run.state));
  if (done !== finished) setFinished(done);
  return html`
    <p class="crumb"><${Link} to="/runs">Runs<//></p>
    <div class="title">
      <h1 tabindex="-1">${data ? html`<${Name}>${data.run.blob.name}<//>` : "Run"}</h1>
      ${!done && html`<${Freshness} ...${read} seconds=${SECONDS} paused=${paused} setPaused=${setPaused} />`}
    </div>
    ${error && html`<${Trouble} error=${error} retry=${read.reload} />`}
    ${read.loading && html`<${Loading} />`}
    ${data && html`<${Picture} view=${data} base=${base} which=${which} session=${session} ask=${setAsking} />`}
    ${asking === "replay" && html`<${Replay} order=${{ runs: [query.run_id] }} close=${() => setAsking(null)} done=${read.reload} />`}
    ${asking === "end" && html`<${End} run=${data.run} close=${() => setAsking(null)} done=${read.reload} />`}
  `;
}

function Picture({ view, base, which, session, ask }) {
  const { run } = view;
  return html`
    <div class="bar-of-actions">
      <${State} state=${run.state} />
      ${view.attempts.length > 1 && html`<nav aria-label="Attempts" class="attempts">${view.attempts.map((number) => html`<${Link} to=${pathWith(`/runs/${run.run_id}`, { attempt: number === view.attempts.at(-1) ? "" : number })} aria-current=${number === run.attempt ? "page" : null}>attempt ${number}<//>`)}</nav>`}
      <span class="spread"></span>
      <${Link} to=${pathWith("/why", { of: run.run_id })} class="button quiet">Explain<//>
      ${session.may_act && view.may_replay && html`<button type="button" class="quiet" onClick=${() => ask("replay")}>Replay …</button>`}
      ${session.may_act && view.may_end && html`<button type="button" class="quiet" onClick=${() => ask("end")}>End its task …</button>`}
    </div>
    <${Facts} view=${view} />
    ${run.hold && html`<div class="note wait"><p><strong>Held back by its ${run.hold.reason}.</strong> ${shown(run.hold.detail)}</p>
      <p>Nothing is lost: it goes on by itself at ${utc(new Date(run.hold.until).toISOString())}, or earlier when that changes.</p></div>`}
    ${run.reused_from && html`<div class="note good"><p>No task had to run: the same content had been processed before, by run <${Link} to=${`/runs/${run.reused_from.slice(0, 32)}`}><code>${shown(run.reused_from)}</code><//>.</p></div>`}
    ${run.code && html`<div class="note ${run.state === "rejected" ? "wait" : "bad"}">
      <p><strong>${shown(run.code)}</strong> ${shown(run.message || "")}${run.offset === null ? "" : html` <span class="muted">at byte ${count(run.offset)}</span>`}</p>
      ${view.what_to_do && html`<p><strong>What to do.</strong> ${shown(view.what_to_do)}</p>`}
    </div>`}
    <${Section} title="Timeline" id="timeline"><${Timeline} view=${view} /><//>
    ${run.state === "succeeded" && html`<${ReportOf} base=${base} which=${which} />`}
    ${["claimed", "submitted"].includes(run.state) && html`<${WhyNot} run=${run} />`}
    <${Section} title="Where" id="places"><${Places} view=${view} base=${base} which=${which} /><//>
    ${run.job_id && html`<${Logs} base=${base} which=${which} />`}
  `;
}

function Facts({ view }) {
  const { run } = view;
  const { timings, cost_estimate: cost } = run;
  const begun = Date.parse(run.attempt > 1 ? timings.claimed_at : timings.uploaded_at);
  const end = timings.settled_at ? Date.parse(timings.settled_at) : run.state === "ignored" ? null : Date.parse(view.at);
  return html`<dl class="stats">
    <${Stat} label="Uploaded" value=${clock(timings.uploaded_at).slice(0, 8)} note=${`${timings.uploaded_at.slice(0, 10)}, ${bytes(run.blob.bytes)}`} />
    ${end && html`<${Stat} label=${timings.settled_at ? "Took" : "Open for"} value=${duration((end - begun) / 1000)} note=${run.attempt > 1 ? "from its claim until settled" : "from upload until settled"} />`}
    ${run.seconds !== null && html`<${Stat} label="Worker" value=${duration(run.seconds)} note=${`at most ${bytes(run.peak_memory_bytes)} of memory`} />`}
    ${cost && html`<${Stat} label="Cost, estimated" value=${html`${amount(cost.amount)} <small>${cost.currency}</small>`}
      note=${`${duration(cost.milliseconds / 1000)} on ${cost.slots}/${cost.slots_per_node} of a ${shown(cost.vm_size)}, ${cost.priority}, ${cost.price_per_hour} an hour (${cost.price_date})`} />`}
  </dl>`;
}

// Each row is the way to one step: it begins where the step before stood. Mail and webhook both begin at the publication.
function Timeline({ view }) {
  const at = Object.fromEntries(view.steps.map((step) => [step.name, Date.parse(step.at)]));
  const open = ["claimed", "submitted"].includes(view.run.state);
  const first = view.run.attempt > 1 ? at.claimed : at.uploaded;
  const last = open ? Date.parse(view.at) : Math.max(...Object.values(at));
  const span = Math.max(last - first, 1);
  const share = (moment) => Math.min(1, Math.max(0, (moment - first) / span));
  const rows = view.steps.map((step, place) => {
    const side = step.name === "mailed" || step.name === "webhook";
    const begun = place === 0 ? at[step.name] : side ? at.published ?? at.settled : Date.parse(view.steps[place - 1].at);
    return { name: step.name, from: share(begun), to: share(at[step.name]), after: step.after, at: step.at, kind: PHASES[step.name] };
  });
  const reached = view.steps.at(-1);
  const next = open && NEXT[reached.name];
  if (next) rows.push({ name: next, from: share(Date.parse(reached.at)), to: 1, after: (last - Date.parse(reached.at)) / 1000, at: null, kind: PHASES[next], open: true });
  return html`<table class="timeline">
    <caption class="muted">From ${utc(new Date(first).toISOString())}, ${duration((last - first) / 1000)} ${open ? "until now" : "in all"}</caption>
    <thead class="hidden"><tr><th scope="col">Step</th><th scope="col">Picture</th><th scope="col">Took</th><th scope="col">At</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr class=${row.open ? "pending" : ""}>
      <th scope="row">${row.name}${row.kind && html`<div class="muted">${row.kind}</div>`}</th>
      <td class="picture"><${Bar} from=${row.from} to=${row.to} kind=${row.name === "ended" ? "strong" : "accent"} open=${row.open} /></td>
      <td class="number fixed">${row.after === null ? "" : `${row.open ? "" : "+"}${duration(row.after)}${row.open ? " so far" : ""}`}</td>
      <td class="number fixed wide">${row.at ? clock(row.at) : ""}</td>
    </tr>`)}</tbody>
  </table>`;
}

function ReportOf({ base, which }) {
  const read = useRead(apiUrl(`${base}/report`, which));
  return html`
    ${read.error && html`<${Section} title="Report" id="report"><${Trouble} error=${read.error} retry=${read.reload} /><//>`}
    ${read.loading && html`<${Loading} what="Reading the report" />`}
    ${read.data && html`<${Report} report=${read.data} base=${base} which=${which} />`}
  `;
}

function WhyNot({ run }) {
  const read = useRead(apiUrl("/explain", { of: run.run_id }));
  return html`<${Section} title="Why is it not done?" id="why">
    ${read.error && html`<${Trouble} error=${read.error} retry=${read.reload} />`}
    ${read.loading && html`<${Loading} what="Looking" />`}
    ${read.data && html`<${Answer} found=${read.data} />`}
  <//>`;
}

function Places({ view, base, which }) {
  const { run, places } = view;
  const file = (name) => html`<a href=${apiUrl(`${base}/files/${name}`, which)} download>${name}</a>`;
  const settled = ["succeeded", "rejected"].includes(run.state);
  return html`
    <dl class="pairs">
      <dt>Run</dt><dd><code>${run.run_id}</code>${run.attempt > 1 ? `, attempt ${run.attempt}` : ""}</dd>
      <dt>Input</dt><dd><code class="name">${shown(places.input)}</code> <span class="muted">${bytes(run.blob.bytes)}, ETag ${shown(run.blob.etag)}</span></dd>
      <dt>Output</dt><dd><code class="name">${shown(places.output)}</code>
        ${settled && html`<div class="files">${run.state === "succeeded" && html`${file("report.json")} `}${run.counts?.invalid_transactions > 0 && html`${file("errors.jsonl")} `}${file("outcome.json")}</div>`}</dd>
      <dt>Logs</dt><dd><code class="name">${shown(places.logs)}</code>${run.node_id && html`<div class="files">${file("stderr.txt")} ${file("stdout.txt")}</div>`}</dd>
      <dt>Batch</dt><dd>${places.job ? html`job <code>${shown(places.job)}</code>, task <code>${shown(places.task)}</code>` : "no task yet"}</dd>
      <dt>Node</dt><dd>${places.node ? html`<code>${shown(places.node)}</code> in pool <code>${shown(places.pool)}</code>` : html`none yet, pool <code>${shown(places.pool)}</code>`}${run.exit_code !== null && `, exit code ${run.exit_code}`}</dd>
      ${places.portal.length > 0 && html`<dt>Azure portal</dt><dd class="files">${places.portal.map((each) => html`<a href=${each.url} target="_blank" rel="noopener noreferrer">${each.what}</a>`)}</dd>`}
      <dt>This day</dt><dd><${Link} to=${pathWith("/runs", dayOf(run))}>All runs of this day<//>${folderOf(run) && html`, <${Link} to=${pathWith("/runs", { prefix: folderOf(run) })}>all of <${Name}>${folderOf(run)}<//><//>`}</dd>
    </dl>
    ${run.earlier_attempts.length > 0 && html`<h3>Attempts before</h3><ul class="plain">${run.earlier_attempts.map((each) => html`<li>
      <${Link} to=${pathWith(`/runs/${run.run_id}`, { attempt: each.attempt })}>attempt ${each.attempt}<//> <${State} state=${each.state} /> ${each.settled_at && utc(each.settled_at)} ${each.code && html`<code>${shown(each.code)}</code> ${shown(each.message || "")}`}</li>`)}</ul>`}
  `;
}

function dayOf(run) {
  const day = run.timings.uploaded_at.slice(0, 10);
  const next = new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
  return { since: day, until: next };
}

const folderOf = (run) => run.blob.name.slice(0, run.blob.name.indexOf("/") + 1);

function Logs({ base, which }) {
  const [wanted, setWanted] = useState(false);
  const read = useRead(wanted ? apiUrl(`${base}/logs`, which) : null);
  return html`<${Section} title="Task log" id="logs" aside=${html`<button type="button" class="quiet" onClick=${() => (wanted ? read.reload() : setWanted(true))}>${wanted ? "Read again" : "Show"}</button>`}>
    ${read.error && html`<${Trouble} error=${read.error} retry=${read.reload} />`}
    ${wanted && read.loading && html`<${Loading} />`}
    ${read.data && read.data.logs.map((log) => html`<h3>${log.name} ${log.live && html`<span class="muted">so far, from the node</span>`}</h3>
      ${log.text ? html`<pre tabindex="0" role="region" aria-label=${log.name}>${log.text}</pre>${log.cut && html`<p class="muted">It is longer than this: save it.</p>`}` : html`<p class="muted">${log.cut ? "Too large to be shown: save it." : log.text === "" ? "Empty." : "Not there (yet)."}</p>`}`)}
  <//>`;
}

function End({ run, close, done }) {
  const [state, setState] = useState({ busy: false, error: null, answer: null });
  const end = async () => {
    setState({ busy: true, error: null, answer: null });
    try {
      setState({ busy: false, error: null, answer: await post(apiUrl("/actions/end"), { run_id: run.run_id }) });
      done();
    } catch (error) {
      setState({ busy: false, error, answer: null });
    }
  };
  const { busy, error, answer } = state;
  const footer = html`
    <button type="button" class="quiet" onClick=${close}>${answer ? "Close" : "Cancel"}</button>
    ${!answer && html`<button type="button" disabled=${busy} onClick=${end}>End its task</button>`}`;
  return html`<${Dialog} title="End its task" close=${close} footer=${footer}>
    ${error && html`<${Trouble} error=${error} />`}
    ${answer ? html`<p role="status">${answer.ended ? "Batch was told to end it. The run is settled as failed within seconds." : "It had completed already."}</p>`
      : html`<p>The task of <${Name}>${run.blob.name}<//> is ended, and its run settled as failed. Its file stays; it can be replayed.</p>`}
  <//>`;
}
