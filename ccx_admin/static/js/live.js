// What changes in the request log, over a WebSocket, or by polling where there is none. Rests while the page is hidden.

import { at } from "./api.js";
import { loggedOut } from "./unsaved.js";
import { _ } from "./words.js";

const POLL_EVERY = 5000;
// The panel says something at least every 20 s. A socket of which nothing is heard is held open by somebody between.
const SILENCE = 50000;

const listeners = [];
let socket = null;
let rev = 0;
let watched = null;
let wait = 1000;
let polling = null;
let silence = null;
let asking = false;
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

function stopPolling() {
  clearInterval(polling);
  polling = null;
}

function connect() {
  if (document.hidden || socket || stopped) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}${at("/api/live")}?since=${rev}`);
  socket = mine;
  heard(mine);
  mine.onopen = () => watched && mine.send(JSON.stringify({ watch: watched }));
  mine.onmessage = (event) => {
    if (socket !== mine) return;
    heard(mine);
    wait = 1000;
    stopPolling();
    show("live", "on");
    tell(JSON.parse(event.data));
  };
  mine.onclose = () => lost(mine);
}

function heard(mine) {
  clearTimeout(silence);
  silence = setTimeout(() => lost(mine), SILENCE);
}

// Without waiting until both ends have said good-bye: on a dead line that takes long.
function drop() {
  const mine = socket;
  socket = null;
  clearTimeout(silence);
  mine?.close();
}

function lost(mine) {
  if (socket !== mine) return;
  drop();
  if (document.hidden || stopped) return;
  polling ??= setInterval(poll, POLL_EVERY);
  if (navigator.onLine) show("polling", "poll");
  setTimeout(connect, wait);
  wait = Math.min(wait * 2, 30000);
}

async function poll() {
  if (document.hidden || asking) return;
  asking = true;
  try {
    const answer = await fetch(at(`/api/live/changes?since=${rev}`), { headers: { Accept: "application/json" } });
    if (answer.status === 401) loggedOut();
    if (answer.ok) tell(await answer.json());
    if (polling) answer.status < 500 ? show("polling", "poll") : show("no connection", "off");
  } catch {
    show("no connection", "off");
  } finally {
    asking = false;
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
      stopPolling();
      drop();
      show("paused", "");
    } else connect();
  });
  // A socket does not notice for minutes.
  window.addEventListener("offline", () => {
    show("no connection", "off");
    lost(socket);
  });
  window.addEventListener("online", () => {
    wait = 1000;
    connect();
  });
  window.addEventListener("pagehide", () => {
    stopped = true;
    drop();
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    stopped = false;
    connect();
    poll(); // Nobody may be logged in any more.
  });
}
