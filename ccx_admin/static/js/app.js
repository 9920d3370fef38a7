// Everything the pages do beyond being read. Each part finds what it needs on the page and rests otherwise.

import { call, leave, newest, once, refresh, showDiff, tellSaved } from "./api.js";
import { startActions } from "./actions.js";
import { startBench } from "./bench.js";
import { startBulk } from "./bulk.js";
import { startChannels } from "./channels.js";
import { startCharts } from "./charts.js";
import { startClients } from "./clients.js";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { startMenus } from "./menus.js";
import { onChange, start as startLive, watch } from "./live.js";
import { startSpecial } from "./special.js";
import { startRequests } from "./requests.js";
import { startTables } from "./tables.js";
import { loggedOut, markSaved, startUnsaved } from "./unsaved.js";
import { startClocks, tick, _ } from "./words.js";

const REFRESH_EVERY = 2000;
const ONE_EVERY = 500;

// A part of a page that is fetched anew keeps what the reader opened, and its charts.
if (window.Idiomorph) {
  Object.assign(window.Idiomorph.defaults.callbacks, {
    beforeAttributeUpdated: (name, node) => name !== "aria-busy" && !(name === "open" && node.tagName === "DETAILS"),
    // What was watched and is not kept stays as long as its page.
    beforeNodeMorphed: (node, fresh) => !(node.id === "answer" && node.childElementCount && !fresh.childElementCount) && !(node.dataset?.keep !== undefined || (node === document.activeElement && node.matches?.("input, textarea, select"))),
  });
}

function followPage() {
  const places = document.querySelectorAll("[data-refresh]");
  if (!places.length) return;
  let last = 0;
  let timer = null;
  const one = document.querySelector("[data-request]");
  // Seconds, where a page says so: sums over weeks hardly change in two.
  const every = Math.max(REFRESH_EVERY, ...[...places].map((place) => Number(place.dataset.refresh) * 1000 || 0));
  const soon = () => {
    if (timer || document.hidden) return;
    timer = setTimeout(() => {
      timer = null;
      last = Date.now();
      if (!String(getSelection()) && !document.querySelector('dialog[open], details.menu[open], .ghost, [aria-busy="true"]')) refresh();
    }, Math.max(200, last + (one ? ONE_EVERY : every) - Date.now()));
  };
  onChange((message) => {
    if (one) {
      if (message.answer && message.watch === one.dataset.request) grow(message.answer);
      if (message.rows?.some((row) => row.id === one.dataset.request)) soon();
      const done = message.rows?.find((row) => row.id === one.dataset.request && row.state !== "running");
      if (done) watch(null);
    } else soon();
  });
  if (one?.dataset.state === "running") watch(one.dataset.request);
  if (!one) setInterval(() => document.hidden || soon(), 15000);
}

// The answer of a running request, as far as it has come.
function grow(answer) {
  const place = document.getElementById("answer");
  if (!place || String(getSelection())) return;
  const low = document.documentElement.scrollHeight - innerHeight - scrollY < 80;
  if (!place.childElementCount) refresh(); // the question is there by now, too
  document.getElementById("no-text")?.remove();
  window.Idiomorph.morph(place, answer, { morphStyle: "innerHTML" });
  if (low) scrollTo({ top: document.documentElement.scrollHeight });
}

function lineButton(line) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "link mono", textContent: line });
  button.dataset.line = line;
  return button;
}

// Chooses a line of a text, in the middle of its field.
function showLine(text, line) {
  const lines = text.value.split("\n");
  const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  const height = parseFloat(getComputedStyle(text).lineHeight);
  text.scrollTop = Math.max(0, (line - 1) * height - text.clientHeight / 2);
}

function yaml() {
  const form = document.getElementById("yaml");
  if (!form) return;
  const text = form.querySelector("textarea");
  const place = document.getElementById("yaml-problems");
  let timer = null;
  const ask = () => call("POST", "/api/config/validate", { text: text.value }, form.dataset.revision);
  const show = (found) =>
    place.replaceChildren(
      ...(found.valid ? [{ message: _("Valid"), good: true }] : found.problems).map((problem) => {
        const item = document.createElement("li");
        item.className = problem.good ? "good" : "bad";
        if (problem.line) item.append(lineButton(problem.line), ": ");
        item.append(problem.good ? problem.message : `${problem.path}: ${problem.message}`);
        return item;
      }),
    );
  const check = newest(ask, show);
  document.addEventListener("click", (event) => {
    const line = Number(event.target.closest("[data-line]")?.dataset.line);
    if (line) showLine(text, line);
  });
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(check, 400);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && !event.shiftKey && !event.altKey && event.ctrlKey) {
      event.preventDefault();
      text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
    }
  });
  async function save() {
    const found = await ask();
    show(found);
    if (!(await showDiff(found.diff, found.problems))) return;
    await call("PUT", "/api/config", { text: text.value }, form.dataset.revision);
    markSaved(form);
    leave(() => location.reload());
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form, save);
  });
}

// What is wider than its place can be moved with the keys, too.
function reachable() {
  for (const place of document.querySelectorAll(".scroll")) {
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  }
}

document.body.addEventListener("htmx:afterSettle", (event) => {
  tick();
  reachable();
});
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) loggedOut();
});

addEventListener("resize", reachable);

const PARTS = [startClocks, reachable, startActions, tellSaved, startSpecial, startForms, startUnsaved, startMenus, startKeys, startRequests, startChannels, startBulk, startClients, startBench, startCharts, startTables, yaml, followPage, startLive];

// What one of them needs may not have come; the others work all the same.
for (const start of PARTS) {
  try {
    start();
  } catch (error) {
    reportError(error);
  }
}
document.documentElement.dataset.ready = "";
dispatchEvent(new Event("ccx:ready"));
