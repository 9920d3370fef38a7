// Texts in the page's language, and numbers and times as format.py writes them.

const words = JSON.parse(document.body.dataset.words || "{}");
const THIN = "\u202f";

export function _(text, values = {}) {
  const one = String(values.n) === "1" ? words[`1 ${text}`] : undefined;
  return (one ?? words[text] ?? text).replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

export function duration(ms) {
  if (ms == null) return "–";
  if (ms < 999.5) return `${Math.round(ms)}${THIN}ms`;
  if (ms < 59950) return `${ms < 9950 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)}${THIN}s`;
  const seconds = Math.round(ms / 1000);
  for (const [length, unit, small, smallUnit] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (seconds >= length) {
      const rest = Math.floor((seconds % length) / small);
      return `${Math.floor(seconds / length)}${THIN}${unit}` + (rest ? ` ${rest}${THIN}${smallUnit}` : "");
    }
  }
  return `${seconds}${THIN}s`;
}

export function count(value) {
  if (value == null) return "–";
  for (const [factor, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= factor * 0.9995) {
      const scaled = value / factor;
      return `${scaled >= 99.95 ? scaled.toFixed(0) : Number(scaled.toFixed(1))}${unit}`;
    }
  }
  return String(Number(value.toFixed(1)));
}

export function money(usd) {
  if (usd == null) return "–";
  return usd >= 1 ? `$${usd.toFixed(2)}` : `$${Number(usd.toFixed(4))}`;
}

export function relative(ms, now = Date.now()) {
  const seconds = (now - ms) / 1000;
  const size = Math.abs(seconds);
  const [unit, length] = size < 60 ? ["s", 1] : size < 3600 ? ["min", 60] : size < 86400 ? ["h", 3600] : ["d", 86400];
  return _(seconds >= 0 ? `{n} ${unit} ago` : `in {n} ${unit}`, { n: Math.floor(size / length) });
}

const two = (n) => String(n).padStart(2, "0");

export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function stamp(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`;
}

// A moment for the search: the reader's clock with its distance from UTC.
export function iso(ms) {
  const east = -new Date(ms).getTimezoneOffset();
  const size = Math.abs(east);
  return `${stamp(ms).replace(" ", "T")}${east < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export function tick(root = document) {
  const now = Date.now();
  for (const clock of root.querySelectorAll(".ticking[data-since]")) clock.textContent = duration(now - Number(clock.dataset.since));
  for (const clock of root.querySelectorAll("[data-until]")) clock.textContent = Number(clock.dataset.until) > now ? duration(Number(clock.dataset.until) - now) : _("a moment");
}

export function startClocks() {
  tick();
  setInterval(() => document.hidden || tick(), 1000);
  setInterval(() => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll('time[data-form="relative"]')) time.textContent = relative(Date.parse(time.dateTime));
  }, 10000);
}
