// Actions: what an operator does by hand, each shown before it is done.

import { html, useState } from "./vendor/standalone.module.js";
import { apiUrl, post } from "./api.js";
import { Replay } from "./replay.js";
import { plural, shown } from "./format.js";
import { Dialog, Empty, Loading, Section, Trouble } from "./parts.js";

const WORDS = {
  missing: "uploads without a run", unreachable: "uploads that cannot be reached by their names", resumed: "claims put back to work",
  held: "runs held back by a budget or a window", resubmitted: "tasks added anew", settled: "runs settled", lost: "runs given up as lost",
  poison_resumed: "uploads that the trigger had failed on, put back", poison_lost: "uploads that the trigger had failed on, given up",
  poison_foreign: "foreign messages in the poison queue, for a person to look at", published: "events published",
  retained: "inputs cooled or archived", purged: "old runs forgotten",
};

export function ActionsView({ session }) {
  const [open, setOpen] = useState(null);
  if (!session.may_act) {
    return html`<h1 tabindex="-1">Actions</h1><${Empty} title="You may look, not act">
      ${session.read_only ? "The dashboard is read-only here (DASHBOARD_READ_ONLY)." : "Ask for the app role Dashboard.Operate."}<//>`;
  }
  const close = () => setOpen(null);
  return html`
    <h1 tabindex="-1">Actions</h1>
    <${Section} title="Replay what failed" id="replay">
      <p>Runs that failed, or were lost, run again as their next attempt. Others are replayed from their own page, or by a filter from Runs.</p>
      <div class="buttons">
        <button type="button" onClick=${() => setOpen("failed")}>Replay failed runs …</button>
        <button type="button" onClick=${() => setOpen("lost")}>Replay lost runs …</button>
      </div>
    <//>
    <${Section} title="Sweep" id="sweep">
      <p>Finds what fell through (uploads without a run, claims left lying, tasks that Batch lost, events not published) and puts it back. It happens by itself every few minutes; this does it now.</p>
      <div class="buttons"><button type="button" onClick=${() => setOpen("sweep")}>Sweep …</button></div>
    <//>
    <${Section} title="Doctor" id="doctor">
      <p>Tries every part of the deployment as the pipeline uses it, and says what is wrong with its fix. The same as <code>batchjson doctor</code>. It writes a probe of a few bytes, and nothing else.</p>
      <${Doctor} />
    <//>
    ${(open === "failed" || open === "lost") && html`<${Replay} order=${{ where: { state: open } }} close=${close} done=${() => {}} />`}
    ${open === "sweep" && html`<${Sweep} close=${close} />`}
  `;
}

function Sweep({ close }) {
  const [state, setState] = useState({ plan: null, answer: null, error: null, busy: false });
  const ask = async (dryRun) => {
    setState({ ...state, busy: true, error: null });
    try {
      const found = await post(apiUrl("/actions/sweep"), { dry_run: dryRun });
      setState({ ...state, busy: false, [dryRun ? "plan" : "answer"]: found });
    } catch (error) {
      setState({ ...state, busy: false, error });
    }
  };
  const { plan, answer, error, busy } = state;
  const footer = html`
    <button type="button" class="quiet" onClick=${close}>${answer ? "Close" : "Cancel"}</button>
    ${!answer && html`<button type="button" class="quiet" disabled=${busy} onClick=${() => ask(true)}>Look only</button>`}
    ${!answer && html`<button type="button" disabled=${busy} onClick=${() => ask(false)}>Sweep now</button>`}
  `;
  return html`<${Dialog} title="Sweep" close=${close} footer=${footer}>
    ${error && html`<${Trouble} error=${error} />`}
    ${busy && html`<${Loading} what="Sweeping" />`}
    ${!busy && !plan && !answer && !error && html`<p>Look first what there is to do, or do it at once. Doing it twice does no harm.</p>`}
    ${!busy && (answer || plan) && html`<${Swept} report=${answer || plan} />`}
  <//>`;
}

const HEALTH = { ok: ["✓", "ok"], warn: ["!", "unknown"], fail: ["✗", "missing"], unseen: ["?", "later"] };

function Doctor() {
  const [state, setState] = useState({ busy: false, lines: null, error: null });
  const look = async () => {
    setState({ ...state, busy: true, error: null });
    try {
      setState({ busy: false, error: null, lines: (await post(apiUrl("/actions/doctor"), {})).lines });
    } catch (error) {
      setState({ busy: false, error, lines: null });
    }
  };
  const { busy, lines, error } = state;
  const number = (health) => (lines || []).filter((line) => line.health === health).length;
  return html`
    <div class="buttons"><button type="button" disabled=${busy} onClick=${look}>Look at everything</button></div>
    ${error && html`<${Trouble} error=${error} />`}
    ${busy && html`<${Loading} what="Looking" />`}
    ${lines && !busy && html`
      <p role="status"><strong>${number("fail") ? plural(number("fail"), "failure") : "No failure"}, ${plural(number("warn"), "warning")}</strong>, ${number("unseen")} not to be seen from here.</p>
      <table class="steps">
        <caption class="hidden">What the doctor saw</caption>
        <thead><tr><th scope="col">Health</th><th scope="col">Area</th><th scope="col">What was seen</th></tr></thead>
        <tbody>${lines.map((line) => html`<tr>
          <td class="fixed"><span class=${`found ${HEALTH[line.health][1]}`}><span class="mark" aria-hidden="true">${HEALTH[line.health][0]}</span>${line.health}</span></td>
          <th scope="row">${line.area}</th>
          <td class="seen">${shown(line.said)}${line.fix && html`<div class="muted">${shown(line.fix)}</div>`}</td>
        </tr>`)}</tbody>
      </table>`}
  `;
}

function Swept({ report }) {
  const found = Object.entries(report.counts).filter(([name, value]) => value && WORDS[name]);
  return html`
    <p role="status"><strong>${report.dry_run ? "Looked, changed nothing." : "Swept."}</strong> ${shown(report.summary)}</p>
    ${found.length === 0 ? html`<p>Nothing had fallen through.</p>` : html`<ul>${found.map(([name, value]) => html`<li>${value} ${WORDS[name]}</li>`)}</ul>`}
    ${report.problems.map((problem) => html`<div class="note bad"><p>${shown(problem)}</p></div>`)}
  `;
}
