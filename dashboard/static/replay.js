// Replay, in two steps: what would be replayed, then the confirmation.

import { html, useEffect, useState } from "./vendor/standalone.module.js";
import { apiUrl, post } from "./api.js";
import { plural, shown } from "./format.js";
import { Dialog, Loading, Name, State, Trouble } from "./parts.js";

const SHOWN = 8;
const MOST = 500;

export function Replay({ order, close, done }) {
  const [plan, setPlan] = useState(null);
  const [answer, setAnswer] = useState(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(true);
  const ask = async (dryRun) => {
    setBusy(true);
    setError(null);
    try {
      const found = await post(apiUrl("/actions/replay"), { ...order, dry_run: dryRun });
      (dryRun ? setPlan : setAnswer)(found);
      if (!dryRun) done();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  useEffect(() => {
    ask(true);
  }, []);
  const wanted = plan && !answer ? plan.runs.length : 0;
  const footer = html`
    <button type="button" class="quiet" onClick=${close}>${answer ? "Close" : "Cancel"}</button>
    ${wanted > 0 && html`<button type="button" disabled=${busy} onClick=${() => ask(false)}>Replay ${plural(wanted, "run")}</button>`}
  `;
  return html`<${Dialog} title="Replay" close=${close} footer=${footer}>
    ${error && html`<${Trouble} error=${error} />`}
    ${busy && html`<${Loading} what=${plan ? "Replaying" : "Looking what can be replayed"} />`}
    ${!busy && plan && !answer && html`<${Plan} plan=${plan} />`}
    ${answer && html`<${Done} answer=${answer} />`}
  <//>`;
}

function Plan({ plan }) {
  if (plan.runs.length === 0) return html`<p>No run can be replayed.</p><${Refused} refused=${plan.refused} open=${true} />`;
  const more = plan.runs.length - SHOWN;
  return html`
    <p>Each runs again as its next attempt, and is told again by event, mail and webhook. The attempts before are kept.</p>
    <ul class="plain">${plan.runs.slice(0, SHOWN).map((row) => html`<li><${State} state=${row.state} /> <${Name}>${row.name}<//></li>`)}</ul>
    ${more > 0 && html`<p class="muted">… and ${plural(more, "run")} more</p>`}
    ${plan.runs.length + plan.refused.length >= MOST && html`<div class="note wait"><p>These are the newest ${MOST} that fit: at most so many at once. Replay again for the others.</p></div>`}
    <${Refused} refused=${plan.refused} />
  `;
}

function Refused({ refused, open = false }) {
  if (refused.length === 0) return null;
  return html`<details open=${open}><summary>${plural(refused.length, "run")} cannot be replayed</summary>
    <ul class="plain">${refused.slice(0, 50).map((each) => html`<li><${Name}>${each.name}<//>: ${shown(each.reason)}</li>`)}</ul>
  </details>`;
}

function Done({ answer }) {
  return html`
    <p role="status"><strong>Replayed ${plural(answer.runs.length, "run")}.</strong></p>
    ${answer.elsewhere > 0 && html`<p>${plural(answer.elsewhere, "run")} had moved on meanwhile: left alone.</p>`}
    ${answer.lost > 0 && html`<p>Batch refused ${plural(answer.lost, "task")}: these runs are lost.</p>`}
    ${answer.problem && html`<div class="note bad"><p>Stopped: ${shown(answer.problem)} Attempts that were begun get their tasks from the next sweep.</p></div>`}
  `;
}
