// The request list: live rows, the histogram that zooms, and keys.

import { at } from "./api.js";
import { onChange } from "./live.js";
import { loggedOut } from "./unsaved.js";
import { _, iso, tick } from "./words.js";

const FETCH_EVERY = 400;
const KEEP = 200;

export function startRequests() {
  const table = document.getElementById("requests");
  if (table) followRows(table);
  const histogram = document.getElementById("histogram");
  if (histogram) zoom(histogram);
  const columns = document.getElementById("columns");
  if (columns && table) chooseColumns(columns, table);
}

// Which columns are left out is this browser's own matter.
function chooseColumns(menu, table) {
  menu.addEventListener("change", () => {
    const boxes = [...menu.querySelectorAll("input")];
    for (const box of boxes) table.classList.toggle(`no-${box.value}`, !box.checked);
    const hidden = boxes.filter((box) => !box.checked).map((box) => box.value);
    document.cookie = `ccx_columns=${hidden.join(".")}; path=${document.body.dataset.base || "/"}; max-age=31536000; samesite=lax`;
  });
}

function followRows(table) {
  if (table.dataset.live === "no") return;
  const waiting = new Set();
  const held = new Set();
  let busy = false;
  const fresh = document.getElementById("fresh");

  onChange((message) => {
    if (message.reload || (table.dataset.live === "reload" && message.rows?.length)) {
      location.reload();
      return;
    }
    for (const row of message.rows ?? []) {
      const known = document.getElementById(`r-${row.id}`);
      if (!known && scrolled()) held.add(row.id);
      else waiting.add(row.id);
    }
    showHeld();
    load();
  });

  function scrolled() {
    return table.getBoundingClientRect().top < 0 || String(getSelection()).length > 0;
  }

  function showHeld() {
    fresh.hidden = held.size === 0;
    fresh.textContent = _("{n} new", { n: held.size });
  }

  fresh.addEventListener("click", () => {
    held.forEach((id) => waiting.add(id));
    held.clear();
    showHeld();
    scrollTo({ top: 0 });
    load();
  });

  async function load() {
    if (busy || !waiting.size || document.hidden) return;
    busy = true;
    const ids = [...waiting].slice(0, 100);
    ids.forEach((id) => waiting.delete(id));
    try {
      const query = new URLSearchParams({ ids: ids.join(",") });
      if (table.dataset.q) query.set("q", table.dataset.q);
      const answer = await fetch(at(`/requests/rows?${query}`), { headers: { "HX-Request": "true" } });
      if (answer.status === 401) loggedOut();
      if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // They come again with their next change.
    }
    setTimeout(() => {
      busy = false;
      load();
    }, FETCH_EVERY);
  }

  function put(page) {
    const running = document.getElementById("running");
    const finished = document.getElementById("finished");
    for (const row of page.querySelectorAll("tr[data-id]")) {
      const known = document.getElementById(row.id);
      if (known && Number(known.dataset.rev) > Number(row.dataset.rev)) continue;
      const place = row.dataset.state === "running" ? running : finished;
      if (known && known.parentElement === place) {
        const current = known.classList.contains("current");
        window.Idiomorph.morph(known, row);
        document.getElementById(row.id)?.classList.toggle("current", current);
      } else {
        known?.remove();
        row.classList.add("new");
        const before = [...place.children].find((other) => Number(other.dataset.started) <= Number(row.dataset.started));
        place.insertBefore(row, before ?? null);
      }
    }
    while (finished.children.length > KEEP) finished.lastElementChild.remove();
    tick(table);
  }
}

// Drag over the bars, or choose some with the arrow keys: the list shows that time.
function zoom(figure) {
  const bars = figure.querySelector("svg.bars");
  const titles = [...bars.querySelectorAll(".hit title")].map((title) => title.textContent);
  const start = Number(figure.dataset.start);
  const end = Number(figure.dataset.end);
  let from = null;
  let brush = null;
  const x = (event) => Math.max(0, Math.min(1, (event.clientX - bars.getBoundingClientRect().left) / bars.clientWidth));

  function paint(low, high) {
    if (!brush) {
      brush = document.createElement("div");
      brush.className = "brush";
      figure.append(brush);
    }
    const left = bars.getBoundingClientRect().left - figure.getBoundingClientRect().left;
    brush.style.left = `${left + low * bars.clientWidth}px`;
    brush.style.width = `${(high - low) * bars.clientWidth}px`;
  }
  function clear() {
    brush?.remove();
    brush = null;
  }
  function show(low, high) {
    const time = (share) => iso(start + (end - start) * share);
    const q = `${figure.dataset.search} since:${time(low)} until:${time(high)}`.trim();
    location.assign(at(`/requests?q=${encodeURIComponent(q)}`));
  }

  bars.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = x(event);
    paint(from, from);
    bars.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  bars.addEventListener("pointermove", (event) => {
    if (from !== null) paint(Math.min(from, x(event)), Math.max(from, x(event)));
  });
  const done = (event) => {
    if (from === null) return;
    const [low, high] = [from, x(event)].sort((a, b) => a - b);
    from = null;
    clear();
    if (event.type !== "pointercancel" && high - low >= 0.01) show(low, high);
  };
  bars.addEventListener("pointerup", done);
  bars.addEventListener("pointercancel", done);
  byKeys(bars, titles, { paint, clear, show });
}

function byKeys(bars, titles, { paint, clear, show }) {
  const last = titles.length - 1;
  const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -last, End: last };
  let here = last;
  let other = last;
  const chosen = () => [Math.min(here, other), Math.max(here, other)];
  const tell = () => {
    const [low, high] = chosen();
    const text = low === high ? titles[low] : `${titles[low]} – ${titles[high]}`;
    for (const [name, value] of Object.entries({ role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": last, "aria-valuenow": here, "aria-valuetext": text })) bars.setAttribute(name, value);
  };
  const part = () => {
    const [low, high] = chosen();
    return [low / titles.length, (high + 1) / titles.length];
  };
  bars.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) {
      here = Math.max(0, Math.min(last, here + steps[event.key]));
      if (!event.shiftKey) other = here;
      tell();
      paint(...part());
    } else if (event.key === "Enter") show(...part());
    else if (event.key === "Escape") clear();
    else return;
    event.preventDefault();
  });
  bars.addEventListener("focus", () => bars.matches(":focus-visible") && paint(...part()));
  bars.addEventListener("blur", clear);
  tell();
}
