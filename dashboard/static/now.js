// Now: what waits, how fast it goes, what failed, and how the pool stands.

import { html, useState } from "./vendor/standalone.module.js";
import { apiUrl } from "./api.js";
import { TimeBars } from "./charts.js";
import { ahead, amount, count, duration, plural, shown } from "./format.js";
import { Empty, Freshness, Link, Loading, Name, pathWith, runPath, Section, Stat, State, Trouble, useClock, useRead, When } from "./parts.js";

const SECONDS = 5;
const OUTCOMES = [
  { name: "succeeded", states: ["succeeded"] },
  { name: "rejected", states: ["rejected"] },
  { name: "failed", states: ["failed", "lost"], title: "failed or lost" },
  { name: "submitted", states: ["claimed", "submitted"], title: "in flight" },
  { name: "ignored", states: ["ignored"] },
];

export function NowView() {
  const [paused, setPaused] = useState(false);
  const read = useRead(apiUrl("/now"), SECONDS, paused);
  const { data, error } = read;
  return html`
    <div class="title">
      <h1 tabindex="-1">Now</h1>
      <${Freshness} ...${read} seconds=${SECONDS} paused=${paused} setPaused=${setPaused} />
    </div>
    ${error && html`<${Trouble} error=${error} retry=${read.reload} />`}
    ${read.loading && html`<${Loading} />`}
    ${data && html`<div class=${error ? "faded" : ""}><${Picture} now=${data} /></div>`}
  `;
}

function Picture({ now }) {
  const problem = (name) => now.problems[name] && html`<${Trouble} error=${now.problems[name]} />`;
  return html`
    <dl class="stats">
      ${now.waiting && html`<${Waiting} waiting=${now.waiting} />`}
      ${now.recent && html`<${Pace} recent=${now.recent} />`}
      ${now.cost && html`<${Cost} cost=${now.cost} />`}
    </dl>
    ${problem("waiting")}${problem("recent")}${problem("cost")}
    <${Section} title="Pool" id="pool" aside=${now.pool && html`<span class="muted">${now.pool.pool_id} · ${now.pool.vm_size}</span>`}>
      ${problem("pool")}${now.pool && html`<${Pool} pool=${now.pool} />`}
    <//>
    <${Section} title="Failures of the last hour" id="failures" aside=${html`<${Link} to=${pathWith("/runs", { state: "failed" })}>All failed runs<//>`}>
      ${now.recent && html`<${Failures} rows=${now.recent.failures} />`}
    <//>
    <${Section} title="Files by hour of upload" id="hours" aside=${html`<span class="muted">last 24 hours</span>`}>
      ${problem("hours")}${now.hours && html`<${Hours} hours=${now.hours} />`}
    <//>
  `;
}

function Waiting({ waiting }) {
  const now = useClock();
  const total = waiting.claimed + waiting.submitted;
  const { oldest } = waiting;
  const more = waiting.more ? "more than " : "";
  return html`
    <${Stat} label="In flight" value=${more + count(total)} note=${`${count(waiting.claimed)} claimed, ${count(waiting.submitted)} submitted`} />
    <${Stat} label="Oldest waiting"
      value=${oldest ? duration((now - Date.parse(oldest.uploaded_at)) / 1000) : "none"}
      note=${oldest ? html`<${Link} to=${runPath(oldest)}><${Name}>${oldest.name}<//><//>` : "nothing waits"} />
  `;
}

function Pace({ recent }) {
  const failed = recent.settled.failed + recent.settled.lost;
  const { latency } = recent;
  return html`
    <${Stat} label="Throughput" value=${html`${recent.per_minute} <small>a minute</small>`} note=${`over the last hour${recent.sampled ? ", of a sample" : ""}`} />
    <${Stat} label="Latency" value=${latency ? html`${duration(latency.p50)} <small>p50</small>` : "–"}
      note=${latency ? html`${duration(latency.p95)} p95, ${plural(latency.runs, "run")}` : "nothing succeeded in the last hour"} />
    <${Stat} label="Failed, last hour" kind=${failed ? "alarm" : ""} value=${count(failed)}
      note=${`${count(recent.settled.rejected)} rejected, ${count(recent.settled.succeeded)} succeeded`} />
  `;
}

function Cost({ cost }) {
  const today = cost.budgets.find((each) => each.scope === "day" && each.prefix === null);
  const worst = [...cost.budgets].sort((one, other) => other.percent - one.percent)[0];
  const kind = worst?.exhausted ? "alarm" : worst?.warns ? "alert" : "";
  const forecast = `about ${amount(cost.pool_forecast ?? cost.runs_forecast)} in ${cost.month}`;
  const budget = today ? `runs ${today.percent} % of the day's budget of ${amount(today.limit)}` : worst ? `${worst.percent} % of the ${worst.scope}'s budget` : "no budget is set";
  const runs = cost.pool === null ? "of runs" : `pool; runs ${amount(cost.runs)}`;
  return html`<${Stat} label="Cost today, estimated" kind=${kind} value=${html`<${Link} to="/cost">${amount(cost.pool ?? cost.runs)}<//> <small>${cost.currency}</small>`}
    note=${html`${runs}; ${budget}; ${forecast}${worst?.exhausted && html`<div><strong>Intake is paused: a budget is spent.</strong></div>`}`} />`;
}

function Pool({ pool }) {
  const now = useClock();
  const states = Object.entries(Object.groupBy(pool.nodes, (node) => node.state)).sort();
  const scaling = pool.scales
    ? pool.next_evaluation ? html`<time datetime=${pool.next_evaluation}>${ahead(pool.next_evaluation, now)}</time>` : "not known yet"
    : "off";
  return html`
    <dl class="stats small">
      <${Stat} label="Nodes" value=${html`${count(pool.size)} <small>of ${count(pool.target)} wanted</small>`} note=${pool.allocation} />
      <${Stat} label="Slots in use" value=${html`${count(pool.slots_used)} <small>of ${count(pool.slots)}</small>`} note="on ready nodes" />
      <${Stat} label="Next autoscale" value=${scaling} note=${pool.scales ? "by the pool's formula" : "the pool has a fixed size"} />
    </dl>
    ${pool.troubles.slice(0, 10).map((each) => html`<div class="note bad"><p><strong>${shown(each.node_id || each.code)}</strong> ${shown(each.cause)}</p><p><strong>What to do.</strong> ${shown(each.fix)}</p></div>`)}
    ${pool.troubles.length > 10 && html`<p class="muted">and ${plural(pool.troubles.length - 10, "more trouble")}</p>`}
    ${pool.nodes.length === 0
      ? html`<${Empty} title="No nodes">Autoscale adds some when tasks wait.<//>`
      : html`<ul class="nodes" aria-label="Nodes by state">
          ${states.map(([state, nodes]) => html`<li><strong>${count(nodes.length)}</strong> ${state}
            <ul class="heat" aria-label=${`Nodes that are ${state}`}>
              ${nodes.slice(0, 200).map((node) => html`<li class="node ${state}" title=${`${shown(node.node_id)}: ${state}, ${plural(node.slots_used, "slot")} in use${node.spot ? ", Spot" : ""}`}><span class="hidden">${shown(node.node_id)}, ${plural(node.slots_used, "slot")} in use</span></li>`)}
            </ul></li>`)}
        </ul>`}
  `;
}

function Failures({ rows }) {
  const now = useClock(5);
  if (rows.length === 0) return html`<${Empty} title="None">No run failed, was lost or was rejected.<//>`;
  return html`<ul class="failures">
    ${rows.map((row) => html`<li>
      <div class="line"><${State} state=${row.state} /> <${Link} to=${runPath(row)}><${Name}>${row.name}<//><//> <span class="muted"><${When} at=${row.settled_at} now=${now} /></span></div>
      <div class="muted"><code>${shown(row.code || "")}</code> ${shown(row.message || "")}</div>
    </li>`)}
  </ul>`;
}

function Hours({ hours }) {
  const sum = (hour, states) => states.reduce((total, state) => total + (hour.states[state] || 0), 0);
  const all = OUTCOMES.map((each) => ({ name: each.title || each.name, kind: each.name, values: hours.map((hour) => sum(hour, each.states)) }));
  const total = all.flatMap((each) => each.values).reduce((one, other) => one + other, 0);
  if (total === 0) return html`<${Empty} title="No file in the last 24 hours">Drop one into the input container, or: <code>batchjson upload FILE</code><//>`;
  const series = all.filter((each) => each.values.some((value) => value));
  const times = hours.map((hour) => Date.parse(hour.hour) / 1000);
  return html`<${TimeBars} label=${`${plural(total, "file")} by hour of upload, over the last 24 hours`} times=${times} series=${series} />`;
}
