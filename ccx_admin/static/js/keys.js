// Keys: go to pages, move in the list, search, help.

import { at } from "./api.js";

const PAGES = { o: "/", r: "/requests", c: "/channels", s: "/sessions", u: "/usage", k: "/clients", t: "/test", ",": "/settings" };
let going = 0;

const rows = () => [...document.querySelectorAll("tr[data-id], .channel[data-id], tr[data-href]")];
const current = () => document.querySelector("tr.current, .channel.current");

function move(step) {
  const all = rows();
  if (!all.length) return;
  const place = all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, place < 0 ? 0 : place + step))];
  current()?.classList.remove("current");
  next.classList.add("current");
  next.querySelector("a")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

const ACTIONS = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => document.getElementById("search")?.focus(),
  "?": () => document.getElementById("help")?.showModal(),
  "[": () => document.getElementById("newest")?.click(),
  "]": () => document.getElementById("older")?.click(),
  z: () => [...document.querySelectorAll(".toast button")].at(-1)?.click(),
  Enter: () => current()?.querySelector("a")?.click(),
  f: () => {
    const channel = current()?.dataset.channel;
    if (channel) location.assign(at(`/requests?q=${encodeURIComponent(`channel:="${channel.replaceAll('"', '""')}"`)}`));
  },
};

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    if (Date.now() - going < 1200 && PAGES[event.key]) {
      location.assign(at(PAGES[event.key]));
      event.preventDefault();
      return;
    }
    going = 0;
    if (event.key === "g") {
      going = Date.now();
      return;
    }
    const action = ACTIONS[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  document.getElementById("help-open")?.addEventListener("click", ACTIONS["?"]);
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-id], tr[data-href]");
    if (!row || event.target.closest("a, button, input, select, summary") || String(getSelection())) return;
    const link = row.querySelector("a");
    if (link && (event.metaKey || event.ctrlKey)) open(link.href);
    else link?.click();
  });
}
