// Pictures of figures: bars over time with uPlot, bars beside words as plain SVG. Each has its figures as a table, too.

import { html, useEffect, useRef, useState } from "./vendor/standalone.module.js";
import { count } from "./format.js";

const HEIGHT = 200;
const DAY = 86_400;
const DAYS = [1, 2, 3, 4, 7, 14, 28, 91, 182, 365].map((days) => days * DAY);

// The colour that a CSS variable stands for now: a canvas knows neither variables nor light-dark().
function colour(name) {
  const probe = document.createElement("span");
  probe.className = `probe ${name}`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function useTheme() {
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const changed = () => setTheme((turn) => turn + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("themed", changed);
    system.addEventListener("change", changed);
    return () => {
      removeEventListener("themed", changed);
      system.removeEventListener("change", changed);
    };
  }, []);
  return theme;
}

// Bars over time. `times` are epoch seconds, `series` [{name, kind, values}], stacked in their order; `write` a value.
export function TimeBars({ label, times, series, write = count, dateOnly = false }) {
  const box = useRef(null);
  const theme = useTheme();
  const key = JSON.stringify([times, series.map((each) => [each.name, each.values])]);
  useEffect(() => {
    const chart = draw(box.current, times, series, write, dateOnly);
    const observer = new ResizeObserver(() => chart.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [key, theme]);
  const when = (time) => new Date(time * 1000).toISOString().slice(0, dateOnly ? 10 : 16).replace("T", " ");
  const columns = series.filter((each) => each.values.some((value) => value));
  return html`<figure class="chart">
    <div ref=${box} class="plot" role="img" aria-label=${label}></div>
    <figcaption>
      ${series.length > 1 && html`<ul class="legend">${series.map((each) => html`<li><span class="swatch ${each.kind}"></span>${each.name}</li>`)}</ul>`}
      <details>
        <summary>As a table</summary>
        <div class="scroller low" tabindex="0" role="region" aria-label=${`${label}: figures`}>
          <table>
            <thead><tr><th scope="col">${dateOnly ? "Day" : "Hour (UTC)"}</th>${columns.map((each) => html`<th scope="col" class="number">${each.name}</th>`)}</tr></thead>
            <tbody>${times.map((time, place) => html`<tr><th scope="row">${when(time)}</th>${columns.map((each) => html`<td class="number">${write(each.values[place])}</td>`)}</tr>`)}</tbody>
          </table>
        </div>
      </details>
    </figcaption>
  </figure>`;
}

function draw(box, times, series, write, dateOnly) {
  // Stacked: the sum up to each series is drawn, the topmost first, so that the lower ones cover it.
  const sums = [];
  for (const each of series) sums.unshift(each.values.map((value, place) => value + (sums[0]?.[place] ?? 0)));
  const [ink, line] = [colour("ink"), colour("line")];
  const bars = uPlot.paths.bars({ size: [0.72, 64], gap: 1 });
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
  const reversed = [...series].reverse();
  return new uPlot(
    {
      width: box.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "UTC"),
      scales: { x: { time: true, range: () => span(times) }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        { ...axis, ...(dateOnly ? { incrs: DAYS } : {}), grid: { show: false }, values: (_, ticks) => ticks.map((tick) => tickText(tick, dateOnly)) },
        { ...axis, size: (_, labels) => 18 + 7 * Math.max(3, ...(labels || []).map((label) => label.length)), values: (_, ticks) => ticks.map(write) },
      ],
      series: [{}, ...reversed.map((each) => ({ label: each.name, fill: colour(each.kind), stroke: colour(each.kind), width: 0, paths: bars, points: { show: false } }))],
    },
    [times, ...sums],
    box,
  );
}

function span(times) {
  const step = times.length > 1 ? times[1] - times[0] : DAY;
  return [times[0] - step / 2, times.at(-1) + step / 2];
}

function tickText(tick, dateOnly) {
  const iso = new Date(tick * 1000).toISOString();
  const day = `${Number(iso.slice(8, 10))} ${["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][Number(iso.slice(5, 7)) - 1]}`;
  return dateOnly || iso.slice(11, 16) === "00:00" ? day : iso.slice(11, 16);
}

// Words with bars: [{name, value, kind?}], the longest as wide as there is room.
export function WordBars({ caption, rows, write = count, head = ["", ""] }) {
  const most = Math.max(...rows.map((row) => row.value), 0) || 1;
  return html`<table class="bars">
    <caption class="hidden">${caption}</caption>
    <thead class="hidden"><tr><th scope="col">${head[0]}</th><th scope="col">${head[1]}</th><th scope="col">Picture</th></tr></thead>
    <tbody>${rows.map(
      (row) => html`<tr>
        <th scope="row">${row.name}</th>
        <td class="number">${write(row.value)}</td>
        <td class="picture"><${Bar} from=${0} to=${row.value / most} kind=${row.value ? row.kind || "accent" : "nothing"} /></td>
      </tr>`,
    )}</tbody>
  </table>`;
}

// One bar from a share of the width to another.
export function Bar({ from, to, kind, open = false }) {
  const [start, width] = [from * 1000, Math.max((to - from) * 1000, 4)];
  return html`<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" class="bar">
    <rect x="0" y="0" width="1000" height="10" class="track" />
    <rect x=${Math.min(start, 996)} y="0" width=${width} height="10" class=${`fill ${kind}${open ? " open" : ""}`} />
  </svg>`;
}
