// Cost: what runs and the pool cost, by day, folder and state, and what the month comes to. All of it is estimated.

import { html } from "./vendor/standalone.module.js";
import { apiUrl } from "./api.js";
import { Bar, TimeBars, WordBars } from "./charts.js";
import { amount, bytes, count, duration, plural, shown } from "./format.js";
import { Empty, Link, Loading, Name, pathWith, Scroller, Section, Stat, State, STATES, Trouble, useRead } from "./parts.js";

const SPANS = [1, 7, 30, 90];
const MOST_FOLDERS = 25;

export function CostView({ query }) {
  const days = SPANS.includes(Number(query.days)) ? Number(query.days) : 7;
  const read = useRead(apiUrl("/costs", { days }));
  return html`
    <div class="title">
      <h1 tabindex="-1">Cost</h1>
      <nav aria-label="Days" class="attempts">${SPANS.map((span) => html`<${Link} to=${pathWith("/cost", { days: span })} aria-current=${span === days ? "page" : null}>${span === 1 ? "today" : `${span} days`}<//>`)}</nav>
    </div>
    ${read.error && html`<${Trouble} error=${read.error} retry=${read.reload} />`}
    ${read.loading && html`<${Loading} what="Summing" />`}
    ${read.data && html`<${Picture} found=${read.data} />`}
  `;
}

function Picture({ found }) {
  const { total, pool, forecast, pool_forecast: poolForecast, currency } = found;
  const basis = forecast.basis_days ? `by the last ${plural(forecast.basis_days, "whole day")}` : "by today alone";
  return html`
    <p class="muted">Estimates in ${currency}, of ${found.first === found.last ? found.first : `${found.first} to ${found.last}`} (UTC): a machine's price an hour × time × share of the machine. The bill decides.</p>
    <dl class="stats">
      <${Stat} label="Runs" value=${money(total.amount, currency)} note=${`${plural(total.runs, "run")}, ${bytes(total.bytes)}`} />
      <${Stat} label="A file" value=${total.per_file ? money(total.per_file, currency) : "–"} note=${total.per_gb ? `${amount(total.per_gb)} a GB` : "nothing was priced"} />
      <${Stat} label="Pool" value=${pool ? money(pool.amount, currency) : "–"} note=${pool ? `${duration(pool.machine_seconds)} of machines` : "not sampled yet"} />
      <${Stat} label=${`Forecast for ${forecast.month}`} value=${money((poolForecast || forecast).amount, currency)}
        note=${`${amount((poolForecast || forecast).so_far)} so far, ${basis}${poolForecast ? `; runs about ${amount(forecast.amount)}` : ""}`} />
    </dl>
    ${total.unpriced > 0 && html`<div class="note wait"><p>${plural(total.unpriced, "run")} without an estimate: no price was known, or nothing had to run.</p></div>`}
    ${found.left_out > 0 && html`<div class="note wait"><p>${plural(found.left_out, "run")} left out: estimated in another currency.</p></div>`}
    ${total.runs === 0 ? html`<${Empty} title="No run was settled in these days">What was settled earlier is in a longer span.<//>` : html`<${Runs} found=${found} />`}
    <${Section} title="Budget" id="budget"><${Budgets} budgets=${found.budgets} /><//>
    <${Section} title="The pool's time" id="pool-cost"><${Pool} pool=${pool} currency=${currency} /><//>
  `;
}

const money = (value, currency) => html`${amount(value)} <small>${currency}</small>`;

function Runs({ found }) {
  const days = found.by_day;
  const times = days.map((day) => Date.parse(`${day.key}T00:00:00Z`) / 1000);
  const values = days.map((day) => Number(day.amount));
  return html`
    ${days.length > 1 && html`<${Section} title="Runs by day" id="by-day">
      <${TimeBars} label=${`What runs cost on ${plural(days.length, "day")}, in ${found.currency}`} times=${times} dateOnly=${true} write=${axis(values)}
        series=${[{ name: found.currency, kind: "accent", values }]} />
    <//>`}
    <div class="columns">
      <${Section} title="By folder" id="by-folder"><${Lines} caption="By folder" head="Folder" lines=${found.by_prefix.slice(0, MOST_FOLDERS)}
        name=${(key) => (key ? html`<${Name}>${key}<//>` : html`<span class="muted">no folder</span>`)} />
        ${found.by_prefix.length > MOST_FOLDERS && html`<p class="muted">and ${plural(found.by_prefix.length - MOST_FOLDERS, "cheaper folder")}</p>`}
      <//>
      <${Section} title="By state" id="by-state"><${Lines} caption="By state" head="State" lines=${found.by_state} name=${(key) => (STATES.includes(key) ? html`<${State} state=${key} />` : shown(key))} /><//>
    </div>
  `;
}

// As many decimals as the largest needs: the figures along an axis are of one kind.
function axis(values) {
  const most = Math.max(...values, 0);
  const decimals = most >= 100 ? 0 : most >= 1 ? 2 : Math.min(9, 2 - Math.floor(Math.log10(most || 1)));
  return (value) => value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function Lines({ caption, head, lines, name }) {
  return html`<${Scroller} label=${caption}><table>
    <caption class="hidden">${caption}</caption>
    <thead><tr><th scope="col">${head}</th><th scope="col" class="number">Runs</th><th scope="col" class="number wide">Size</th><th scope="col" class="number">Cost</th><th scope="col" class="number">A file</th><th scope="col" class="number wide">A GB</th></tr></thead>
    <tbody>${lines.map((line) => html`<tr>
      <th scope="row">${name(line.key)}</th><td class="number">${count(line.runs)}</td><td class="number wide">${bytes(line.bytes)}</td>
      <td class="number">${amount(line.amount)}</td><td class="number">${line.per_file ? amount(line.per_file) : "–"}</td><td class="number wide">${line.per_gb ? amount(line.per_gb) : "–"}</td>
    </tr>`)}</tbody>
  </table><//>`;
}

// Each limit with how much of it is spent: in figures, in words, as a bar.
function Budgets({ budgets }) {
  if (budgets.length === 0) return html`<${Empty} title="No budget is set">Set one: <code>batchjson budget set month 50</code>. At 80 % you are warned, at 100 % new files wait.<//>`;
  return html`<${Scroller} label="Budget"><table class="bars">
    <caption class="hidden">Budget: limits</caption>
    <thead><tr><th scope="col">Limit of</th><th scope="col" class="number">Spent</th><th scope="col" class="number">Of</th><th scope="col" class="number">Share</th><th scope="col">State</th><th scope="col" class="wide">Picture</th></tr></thead>
    <tbody>${budgets.map((each) => html`<tr>
      <th scope="row">${each.scope} ${each.period}${each.prefix !== null && html`, folder <${Name}>${each.prefix || "(none)"}<//>`}</th>
      <td class="number">${amount(each.spent)}</td><td class="number">${amount(each.limit)} ${each.currency}</td><td class="number">${each.percent} %</td>
      <td class="fixed"><${Standing} each=${each} />${each.raised && html` <span class="muted">raised</span>`}</td>
      <td class="picture wide"><${Bar} from=${0} to=${Math.min(1, each.percent / 100)} kind=${each.exhausted ? "failed" : each.warns ? "rejected" : "accent"} /></td>
    </tr>`)}</tbody>
  </table><//>`;
}

function Standing({ each }) {
  const [mark, kind, word] = each.exhausted ? ["✗", "missing", "spent: files wait"] : each.warns ? ["!", "unknown", "nearly spent"] : ["✓", "ok", "within"];
  return html`<span class="found ${kind}"><span class="mark" aria-hidden="true">${mark}</span>${word}</span>`;
}

function Pool({ pool, currency }) {
  if (!pool) return html`<${Empty} title="Not sampled yet">The pool is looked at every five minutes.<//>`;
  const rows = [
    { name: "tasks", value: Number(pool.tasks), kind: "strong" },
    { name: "free slots", value: Number(pool.free_slots) },
    { name: "idle machines", value: Number(pool.idle) },
    { name: "booting machines", value: Number(pool.boot) },
  ];
  return html`<p class="muted">What the machines cost, in ${currency}, and what that went to; by samples, so near what runs are estimated at and not the same.</p>
    <${WordBars} caption="The pool's time" rows=${rows} write=${amount} head=${["Use", "Cost"]} />`;
}
