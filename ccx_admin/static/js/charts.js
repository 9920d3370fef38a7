// Charts over time with uPlot, from /api/stats/history.

import { call } from "./api.js";
import { _, count, duration, money, stamp } from "./words.js";

const COLOURS = ["--info", "--amber", "--good", "--messages", "--gemini", "--responses", "--images", "--embeddings", "--calm"];
const MEASURES = {
  requests: { values: (s) => s.requests, form: count, stacked: true },
  tokens: { values: (s) => s.input_tokens.map((n, i) => n + s.output_tokens[i]), form: count, stacked: true },
  cost: { values: (s) => s.cost_usd, form: money, stacked: true },
  ttft: { values: (s) => s.ttft_p50, form: duration, stacked: false },
};

// A token as the canvas wants it; ``share`` of it on the panel's ground, because bars stand before each other.
function colour(name, share = 1) {
  const probe = document.createElement("span");
  probe.style.color = share === 1 ? `var(${name})` : `color-mix(in srgb, var(${name}) ${share * 100}%, var(--panel))`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Ticks of the time axis: the clock, and the date where a day begins; days alone where ticks are a day or more apart.
// No label stands twice.
export function moments(ticks, step) {
  let day = "";
  let last = "";
  return ticks.map((s) => {
    const text = stamp(s * 1000);
    const date = text.slice(5, 10);
    const label = step >= 86400 || (date !== day && day) ? date : text.slice(11, 16);
    day = date;
    if (label === last) return "";
    last = label;
    return label;
  });
}

// Labels of the other axis; what rounds to the same as the one below stands once.
export function amounts(ticks, form) {
  return ticks.map((value, n) => (n && form(value) === form(ticks[n - 1]) ? "" : form(value)));
}

// Series on top of each other, largest first in the list; what is drawn is the running sum of those that are shown.
export function stack(columns, shown = columns.map(() => true)) {
  const sums = [];
  for (const [n, column] of columns.entries()) sums.push(column.map((value, i) => (shown[n] ? value ?? 0 : 0) + (sums.at(-1)?.[i] ?? 0)));
  return sums;
}

// Names in the legend are buttons, for the keyboard too.
function reachable(place) {
  for (const head of place.querySelectorAll(".u-legend .u-series:not(:first-child) th")) {
    head.tabIndex = 0;
    head.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      head.click();
    });
  }
}

function draw(place, found) {
  const measure = MEASURES[place.dataset.show] ?? MEASURES.requests;
  let series = found.series.map((s) => ({ label: s.label ? (s.name === "other" ? _("other") : s.label) : _("requests"), values: measure.values(s) }));
  if (place.dataset.failed !== undefined && found.series.length) {
    const s = found.series[0];
    series = [
      { label: _("failed"), values: s.failed.map((n, i) => n + s.lost[i]), colour: "--bad" },
      { label: _("requests"), values: s.requests.map((n, i) => n - s.failed[i] - s.lost[i]), colour: "--info" },
    ];
  }
  const drawn = measure.stacked ? stack(series.map((s) => s.values)) : series.map((s) => s.values);
  const times = found.times.map((ms) => ms / 1000);
  const line = colour("--line");
  const ink = colour("--soft");
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui" };
  // Drawn from the top of the stack down, so that each one covers the sum below it.
  const order = series.map((_s, i) => i).reverse();
  const bars = window.uPlot.paths.bars({ size: [0.82, 40], gap: 1 });
  const options = {
    width: place.clientWidth,
    height: Number(place.dataset.height || 210),
    cursor: { drag: { x: false, y: false }, y: false },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_u, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, space: 64, values: (_u, ticks, _axis, _space, step) => moments(ticks, step) },
      { ...axis, size: 62, values: (_u, ticks) => amounts(ticks, measure.form) },
    ],
    hooks: {
      setSeries: [
        (plot, _index, change) => {
          if (!measure.stacked || change.show === undefined) return;
          const shown = series.map((_s, i) => plot.series[1 + order.indexOf(i)].show);
          const sums = stack(series.map((s) => s.values), shown);
          plot.setData([times, ...order.map((i) => sums[i])]);
        },
      ],
    },
    series: [
      { label: _("Time"), value: (_u, s) => (s == null ? "" : stamp(s * 1000)) },
      ...order.map((i) => {
        const name = series[i].colour ?? COLOURS[i % COLOURS.length];
        const own = series[i].values;
        return {
          label: series[i].label || _("(none)"),
          stroke: colour(name),
          width: measure.stacked ? 0 : 1.5,
          fill: measure.stacked ? colour(name, name === "--bad" ? 0.85 : 0.62) : undefined,
          paths: measure.stacked ? bars : undefined,
          points: { show: false },
          spanGaps: true,
          value: (_u, _v, _s, at) => (at == null ? "" : measure.form(own[at])),
        };
      }),
    ],
  };
  place.replaceChildren();
  const plot = new window.uPlot(options, [times, ...order.map((i) => drawn[i])], place);
  place.plot = plot;
  reachable(place);
}

export async function load(place) {
  const query = place.dataset.chart;
  try {
    const found = await call("GET", `/api/stats/history?${query}`);
    draw(place, found);
  } catch (error) {
    place.textContent = error.message;
  }
}

export function startCharts() {
  const places = [...document.querySelectorAll("[data-chart]")];
  if (!places.length) return;
  places.forEach(load);
  let timer = null;
  new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(() => places.forEach((place) => place.plot?.setSize({ width: place.clientWidth, height: place.plot.height })), 100);
  }).observe(document.getElementById("content"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => places.forEach(load));
  setInterval(() => document.hidden || places.forEach(load), 60000);
}
