// What changes in the request log, over a WebSocket, or by polling where there is none. Rests while the page is hidden.

import { at } from "./api.js";
import { loggedOut } from "./unsaved.js";
import { _ } from "./words.js";

const listeners = [];
let socket = null;
let rev = 0;
let watched = null;
let wait = 1000;
let polling = null;
let stopped = false;

export const onChange = (listener) => listeners.push(listener);

function show(word, look) {
  const place = document.getElementById("live");
  if (!place) return;
  place.hidden = false;
  place.className = `live ${look}`;
  place.textContent = _(word);
}

function tell(message) {
  if (message.rev) rev = message.rev;
  if (message.rows?.length || message.reload || message.answer) listeners.forEach((listener) => listener(message));
}

function connect() {
  if (document.hidden || socket || stopped) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}${at("/api/live")}?since=${rev}`);
  socket = mine;
  mine.onopen = () => {
    wait = 1000;
    clearInterval(polling);
    polling = null;
    show("live", "on");
    if (watched) mine.send(JSON.stringify({ watch: watched }));
  };
  mine.onmessage = (event) => tell(JSON.parse(event.data));
  mine.onclose = () => {
    if (socket === mine) socket = null;
    if (document.hidden || stopped) return;
    if (!polling) polling = setInterval(poll, 5000);
    if (navigator.onLine) show("polling", "poll");
    setTimeout(connect, wait);
    wait = Math.min(wait * 2, 30000);
  };
}

async function poll() {
  if (document.hidden) return;
  try {
    const answer = await fetch(at(`/api/live/changes?since=${rev}`), { headers: { Accept: "application/json" } });
    if (answer.status === 401) loggedOut();
    if (answer.ok) tell(await answer.json());
    if (polling) show("polling", "poll");
  } catch {
    show("no connection", "off");
  }
}

export function watch(id) {
  watched = id;
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ watch: id }));
}

export function start() {
  connect();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearInterval(polling);
      polling = null;
      socket?.close();
      socket = null;
      show("paused", "");
    } else connect();
  });
  // A socket does not notice for minutes.
  window.addEventListener("offline", () => {
    show("no connection", "off");
    socket?.close();
  });
  window.addEventListener("online", () => {
    wait = 1000;
    connect();
  });
  window.addEventListener("pagehide", () => {
    stopped = true;
    socket?.close();
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    stopped = false;
    socket = null;
    connect();
  });
}
