// Many channels at once: choosing them, one change of all with one difference, and trying them all. Menus of rows, too.

import { call, leave, once, refresh, saved, showDiff } from "./api.js";
import { duration, _ } from "./words.js";

const TOGETHER = 4;
const chosen = new Set();
let last = null;

const boxes = () => [...document.querySelectorAll('#channels input[name="pick"]')];

function show() {
  const bar = document.getElementById("bulk");
  if (!bar) return;
  const known = boxes();
  for (const box of known) box.checked = chosen.has(box.value);
  const all = document.querySelector("[data-pick-all]");
  if (all) {
    all.checked = known.length > 0 && known.every((box) => box.checked);
    all.indeterminate = !all.checked && known.some((box) => box.checked);
  }
  bar.hidden = chosen.size === 0;
  document.getElementById("bulk-count").textContent = chosen.size;
}

function pick(box, range) {
  const known = boxes();
  const from = range && last ? known.findIndex((other) => other.value === last) : -1;
  const to = known.indexOf(box);
  const some = from >= 0 ? known.slice(Math.min(from, to), Math.max(from, to) + 1) : [box];
  for (const one of some) box.checked ? chosen.add(one.value) : chosen.delete(one.value);
  last = box.value;
  show();
}

async function change(body) {
  const ids = [...chosen];
  const found = await call("POST", "/api/channels/bulk?preview=true", { ids, ...body });
  if (!(await showDiff(found.diff, found.problems))) return;
  await call("POST", "/api/channels/bulk", { ids, ...body }, found.revision);
  if (body.delete) chosen.clear();
  saved();
  refresh();
  show();
}

function fieldOf(bar, name) {
  const value = (field) => bar.elements[field].value.trim();
  if (name === "priority") return value("priority") === "" ? null : { priority: Number(value("priority")) };
  if (name === "models") return value("from") ? { models: { [value("from")]: value("to") || null } } : null;
  return value("tag") ? { [name]: [value("tag")] } : null;
}

async function test() {
  const list = document.getElementById("bulk-results");
  list.replaceChildren();
  document.getElementById("bulk-tests").showModal();
  const waiting = [...chosen];
  const one = async () => {
    for (let id = waiting.shift(); id; id = waiting.shift()) {
      const item = document.createElement("li");
      const name = document.getElementById(`c-${id}`)?.dataset.channel ?? id;
      item.textContent = `${name}: …`;
      list.append(item);
      try {
        const found = await call("POST", `/api/channels/${id}/test`, {});
        item.className = found.ok ? "good" : "bad";
        item.textContent = `${name}: ${found.ok ? duration(found.total_ms) : found.error}`;
      } catch (error) {
        item.className = "bad";
        item.textContent = `${name}: ${error.message}`;
      }
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, one));
}

// A row's menu is made when it is opened: five hundred of them would be most of the page.
function openMenu(menu) {
  const row = menu.closest(".channel");
  const place = menu.querySelector("div");
  place.replaceChildren(document.getElementById("channel-menu").content.cloneNode(true));
  const { id, state, channel } = row.dataset;
  const promoted = row.dataset.promoted !== undefined;
  for (const part of place.querySelectorAll("[data-for]")) {
    const states = part.dataset.for.replace("no keys", "no-keys").split(" ");
    const fits = states.includes("promoted") ? promoted : states.includes(state.replace(" ", "-")) && !(promoted && part.querySelector('[data-call$="/promote"]'));
    fits ? part.replaceWith(...part.childNodes) : part.remove();
  }
  for (const button of place.querySelectorAll("[data-call]")) {
    button.dataset.call = button.dataset.call.replace("/ID", `/${id}`);
    if (button.dataset.confirm) button.dataset.confirm = button.dataset.confirm.replace("NAME", () => channel);
  }
  for (const link of place.querySelectorAll("a")) {
    const quoted = encodeURIComponent(channel.replaceAll('"', '""'));
    link.href = link.getAttribute("href").replace("NAME", () => quoted).replace("/ID", `/${id}`);
  }
}

function replaceKey() {
  const dialog = document.getElementById("replace");
  if (!dialog) return;
  const form = document.getElementById("replace-form");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-replace]");
    if (!button) return;
    form.reset();
    form.dataset.path = `/api/channels/${button.dataset.replace}/replace`;
    document.getElementById("replace-name").textContent = button.dataset.name;
    dialog.showModal();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form, async () => {
      await call("POST", form.dataset.path, { key: form.elements.key.value.trim(), seconds: Number(form.elements.seconds.value) });
      dialog.close();
      form.reset();
      leave(() => location.reload());
    });
  });
}

// A search that answers while it is typed; without a script it is a form like any other.
function liveSearch() {
  const form = document.querySelector("form[data-live-search]");
  if (!form) return;
  let timer = null;
  const look = () => {
    const target = document.querySelector(form.dataset.liveSearch);
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const url = location.pathname + (String(query) ? `?${query}` : "");
    history.replaceState(null, "", url);
    target.setAttribute("hx-get", url);
    window.htmx.process(target);
    window.htmx.ajax("GET", url, { target, select: form.dataset.liveSearch, swap: "morph:outerHTML" });
  };
  // Rows that were asked for before the search was changed are those of another one.
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.matches(form.dataset.liveSearch) && detail.requestConfig.path !== detail.target.getAttribute("hx-get")) detail.shouldSwap = false;
  });
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 200);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    look();
  });
}

export function startBulk() {
  replaceKey();
  liveSearch();
  const bar = document.getElementById("bulk");
  if (!bar) return;
  document.addEventListener("click", (event) => {
    const box = event.target.closest('input[name="pick"]');
    if (box) pick(box, event.shiftKey);
    if (event.target.closest("[data-pick-all]")) {
      const all = event.target.checked;
      for (const one of boxes()) all ? chosen.add(one.value) : chosen.delete(one.value);
      show();
    }
    const set = event.target.closest("[data-bulk]");
    if (set) once(set, () => change(JSON.parse(set.dataset.bulk)));
    const field = event.target.closest("[data-bulk-field]");
    const body = field && fieldOf(bar, field.dataset.bulkField);
    if (body) once(field, () => change(body));
    const tests = event.target.closest("[data-bulk-test]");
    if (tests) once(tests, test);
    if (event.target.closest("[data-bulk-none]")) {
      chosen.clear();
      show();
    }
  });
  document.addEventListener("toggle", (event) => event.target.open && event.target.matches?.("details[data-menu]") && openMenu(event.target), true);
  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && event.target.matches("input")) event.target.parentElement.querySelector("[data-bulk-field]")?.click();
  });
  document.body.addEventListener("htmx:afterSettle", show);
  show();
}
