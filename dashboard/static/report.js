// The report of a run, drawn: figures, days, categories, top lists, anomalies, errors (docs/report.md says what each is).

import { html, useState } from "./vendor/standalone.module.js";
import { apiUrl } from "./api.js";
import { TimeBars, WordBars } from "./charts.js";
import { count, money, plural, shown } from "./format.js";
import { Empty, Name, Scroller, Section, Stat } from "./parts.js";

const FIRST = 10;
const entries = (map) => Object.entries(map || {}).map(([name, value]) => ({ name: shown(name), value }));

export function Report({ report, base, which }) {
  const { summary } = report;
  return html`
    <${Section} title="Report" id="report" aside=${html`<a href=${apiUrl(`${base}/files/report.json`, which)} download>report.json</a>`}>
      <dl class="stats">
        <${Stat} label="Revenue" value=${money(summary.total_revenue)} note=${`${money(summary.net_revenue)} net, ${money(summary.total_tax)} tax, ${money(summary.total_shipping)} shipping`} />
        <${Stat} label="Orders" value=${count(summary.order_count)} note=${`${money(summary.average_order_value)} each, ${plural(summary.total_items, "item")}`} />
        <${Stat} label="Customers" value=${count(summary.unique_customers)} note=${span(summary)} />
        <${Stat} label="Transactions" kind=${report.validation.invalid_transactions ? "alert" : ""} value=${count(report.validation.total_transactions)}
          note=${`${count(report.validation.valid_transactions)} valid, ${count(report.validation.invalid_transactions)} invalid`} />
      </dl>
      ${report.validation.count_matches === false && html`<div class="note wait"><p>The file declares ${count(report.validation.declared_transaction_count)} transactions and holds ${count(report.validation.total_transactions)}.</p></div>`}
    <//>
    <${Sales} report=${report} />
    <div class="columns">
      <${Section} title="Revenue by category" id="categories"><${Bars} caption="Revenue by category" map=${report.revenue_by_category} write=${money} head=${["Category", "Revenue"]} /><//>
      <${Section} title="Status" id="statuses"><${Bars} caption="Transactions by status" map=${report.status_breakdown} head=${["Status", "Transactions"]} />
        <h3>Payment</h3><${Bars} caption="Transactions by payment method" map=${report.payment_methods} head=${["Method", "Transactions"]} /><//>
    </div>
    <${Tops} report=${report} />
    <${Anomalies} found=${report.anomalies} />
    <${Errors} validation=${report.validation} base=${base} which=${which} />
  `;
}

const span = (summary) => (summary.first_timestamp ? `${summary.first_timestamp.slice(0, 10)} to ${summary.last_timestamp.slice(0, 10)}` : "no valid transaction");

function Bars({ caption, map, write, head }) {
  const rows = entries(map);
  return rows.length ? html`<${WordBars} caption=${caption} rows=${rows} write=${write} head=${head} />` : html`<${Empty} title="None" />`;
}

function Sales({ report }) {
  const days = entries(report.daily_sales);
  const times = days.map((day) => Date.parse(`${day.name}T00:00:00Z`) / 1000);
  return html`<${Section} title="Daily sales" id="sales" aside=${html`<span class="muted">${plural(days.length, "day")}</span>`}>
    ${days.length === 0 ? html`<${Empty} title="No sales" />` : html`<${TimeBars} label=${`Revenue on ${plural(days.length, "day")}`} times=${times} dateOnly=${true}
      write=${(value) => (value >= 10_000 ? count(value) : money(value))} series=${[{ name: "revenue", kind: "accent", values: days.map((day) => day.value.revenue) }]} />`}
  <//>`;
}

function Tops({ report }) {
  const customers = report.top_customers.map((each) => [html`<${Name}>${each.name || each.customer_id}<//>`, count(each.order_count), money(each.average_order_value), money(each.total_spent)]);
  const products = report.top_products.map((each) => [html`<${Name}>${each.product_name}<//>`, html`<${Name}>${each.category}<//>`, count(each.units_sold), money(each.revenue)]);
  const segments = entries(report.customer_segments).map(({ name, value }) => [name.replaceAll("_", " "), count(value.customers), money(value.revenue)]);
  return html`<div class="columns">
    <${Section} title="Top customers" id="customers"><${Figures} caption="Top customers" head=${["Customer", "Orders", "Each", "Spent"]} rows=${customers} />
      <h3>By number of orders</h3><${Figures} caption="Customer segments" head=${["Orders", "Customers", "Revenue"]} rows=${segments} /><//>
    <${Section} title="Top products" id="products"><${Figures} caption="Top products" head=${["Product", "Category", "Units", "Revenue"]} words=${2} rows=${products} /><//>
  </div>`;
}

function Figures({ caption, head, rows, words = 1, first = FIRST }) {
  const [most, setMost] = useState(first);
  if (rows.length === 0) return html`<${Empty} title="None" />`;
  const kind = (place) => (place < words ? "" : "number");
  return html`<${Scroller} label=${caption}><table>
    <caption class="hidden">${caption}</caption>
    <thead><tr>${head.map((title, place) => html`<th scope="col" class=${kind(place)}>${title}</th>`)}</tr></thead>
    <tbody>${rows.slice(0, most).map((cells) => html`<tr>${cells.map((cell, place) => html`<td class=${kind(place)}>${cell}</td>`)}</tr>`)}</tbody>
  </table><//>
  ${rows.length > most && html`<button type="button" class="quiet" onClick=${() => setMost(most + 200)}>Show more <span class="hidden">of ${caption}</span>(${count(rows.length - most)} left)</button>`}`;
}

function Anomalies({ found }) {
  const high = found.high_value_transactions.map((each) => [html`<code>${shown(each.transaction_id)}</code>`, html`<code>${shown(each.customer_id)}</code>`, shown(each.reason), money(each.total)]);
  const patterns = found.suspicious_patterns.map((each) => [html`<code>${shown(each.customer_id)}</code>`, shown(each.concern), count(each.count)]);
  const amounts = found.inconsistent_amounts.map((each) => [html`<code>${shown(each.transaction_id)}</code>`, html`<code>${shown(each.field)}</code>`, money(each.expected), money(each.actual)]);
  return html`<${Section} title="Anomalies" id="anomalies">
    <h3>High values <span class="muted">${count(found.high_value_count)} above ${money(found.high_value_threshold)}</span></h3>
    <${Figures} caption="High values" words=${3} head=${["Transaction", "Customer", "Why", "Total"]} rows=${high} />
    <div class="columns gaps">
      <div><h3>Suspicious patterns <span class="muted">${count(patterns.length)}</span></h3>
        <${Figures} caption="Suspicious patterns" words=${2} head=${["Customer", "Concern", "Count"]} rows=${patterns} /></div>
      <div><h3>Amounts that do not add up <span class="muted">${count(found.inconsistent_amounts_count)}</span></h3>
        <${Figures} caption="Amounts that do not add up" words=${2} head=${["Transaction", "Field", "Expected", "Actual"]} rows=${amounts} /></div>
    </div>
  <//>`;
}

function Errors({ validation, base, which }) {
  const errors = validation.validation_errors;
  if (validation.invalid_transactions === 0) return html`<${Section} title="Validation errors" id="errors"><${Empty} title="None">Every transaction is valid.<//><//>`;
  const rows = errors.map((each) => [count(each.transaction_index), code(each.transaction_id), code(each.field || "(the transaction)"), code(each.code)]);
  return html`<${Section} title="Validation errors" id="errors" aside=${html`<a href=${apiUrl(`${base}/files/errors.jsonl`, which)} download>errors.jsonl</a>`}>
    <${Bars} caption="Errors by code" map=${validation.errors_by_code} head=${["Code", "Errors"]} />
    <${Figures} caption="Validation errors" words=${4} first=${25} head=${["Index", "Transaction", "Field", "Code"]} rows=${rows} />
    ${errors.length < sum(validation.errors_by_code) && html`<p class="muted">The report lists the first ${count(errors.length)}; errors.jsonl has all.</p>`}
  <//>`;
}

const code = (text) => text && html`<code class="name">${shown(text)}</code>`;
const sum = (map) => Object.values(map).reduce((one, other) => one + other, 0);
