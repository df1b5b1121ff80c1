// The API's description, drawn from its openapi.json: no third party is asked for anything.

import { html } from "./vendor/standalone.module.js";
import { apiUrl } from "./api.js";
import { Loading, Scroller, Trouble, useRead } from "./parts.js";

export function ReferenceView() {
  const read = useRead(apiUrl("/openapi.json"));
  return html`
    <h1 tabindex="-1">API</h1>
    ${read.error && html`<${Trouble} error=${read.error} retry=${read.reload} />`}
    ${read.loading && html`<${Loading} />`}
    ${read.data && html`<${Description} api=${read.data} />`}
  `;
}

function Description({ api }) {
  const server = api.servers[0].url;
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
  );
  return html`
    <p>All of this page is made of these calls, below <code>${server}</code>. For programs: <a href=${apiUrl("/openapi.json")}>openapi.json</a> (OpenAPI ${api.openapi}).</p>
    ${operations.map((each) => html`<${Operation} each=${each} server=${server} />`)}
    <h2>Documents</h2>
    ${Object.entries(api.components.schemas).map(([name, schema]) => html`<${Schema} name=${name} schema=${schema} />`)}
  `;
}

function Operation({ each }) {
  const parameters = each.parameters || [];
  const body = each.requestBody?.content["application/json"].schema;
  const [[media, answer]] = Object.entries(each.responses["200"].content);
  return html`<section aria-label=${`${each.method} ${each.path}`} class="operation">
    <h2><code><strong>${each.method}</strong> ${each.path}</code></h2>
    <p>${each.summary} <span class="muted">${each.description}</span></p>
    ${parameters.length > 0 && html`<${Fields} label=${`Parameters of ${each.path}`} rows=${parameters.map((p) => [p.name, p.in, p.required, typeText(p.schema)])} />`}
    <p class="muted">${body && html`Takes ${typeText(body)}. `}Answers ${answer.schema.$ref ? typeText(answer.schema) : media}.</p>
  </section>`;
}

function Fields({ label, rows }) {
  return html`<${Scroller} label=${label}><table>
    <caption class="hidden">${label}</caption>
    <thead><tr><th scope="col">Name</th><th scope="col">Where</th><th scope="col">Needed</th><th scope="col">Type</th></tr></thead>
    <tbody>${rows.map(([name, where, needed, type]) => html`<tr><th scope="row"><code>${name}</code></th><td>${where}</td><td>${needed ? "yes" : "no"}</td><td>${type}</td></tr>`)}</tbody>
  </table><//>`;
}

function Schema({ name, schema }) {
  const required = schema.required || [];
  return html`<details id=${`schema-${name}`}>
    <summary><code>${name}</code></summary>
    ${schema.description && html`<p>${schema.description}</p>`}
    ${schema.properties
      ? html`<ul>${Object.entries(schema.properties).map(([field, value]) => html`<li><code>${field}</code> ${typeText(value)}${required.includes(field) ? "" : html` <span class="muted">optional</span>`}</li>`)}</ul>`
      : html`<p>${typeText(schema)}</p>`}
  </details>`;
}

function typeText(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return html`<a href=${`#schema-${name}`} onClick=${() => document.getElementById(`schema-${name}`)?.setAttribute("open", "")}><code>${name}</code></a>`;
  }
  if (schema.anyOf) return schema.anyOf.map((each, place) => html`${place ? " or " : ""}${typeText(each)}`);
  if (schema.enum) return schema.enum.map((value) => `"${value}"`).join(" or ");
  if (schema.type === "array") return html`list of ${typeText(schema.items || {})}`;
  if (schema.type === "object" && schema.additionalProperties) return html`map of ${typeText(schema.additionalProperties)}`;
  const limits = ["minimum", "maximum", "maxLength", "pattern"].filter((limit) => schema[limit] !== undefined);
  return (schema.type || "anything") + limits.map((limit) => `, ${limit} ${schema[limit]}`).join("");
}
