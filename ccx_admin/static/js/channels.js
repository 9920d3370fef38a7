// Channels: their order by dragging and by buttons, pasting a new one, trying the mapping.

import { at, call, leave, newest, once, saved, toast } from "./api.js";
import { collect, valueOf } from "./forms.js";
import { markSaved } from "./unsaved.js";
import { _ } from "./words.js";

function order() {
  const list = document.getElementById("channel-list");
  if (!list) return;
  const ids = () => [...list.querySelectorAll(".channel[data-id]")].map((row) => row.dataset.id);
  let before = ids();
  let wanted = before;

  function save() {
    wanted = ids();
    number();
    once(list, send);
  }

  // What is moved while a former move is being saved comes after it.
  async function send() {
    while (wanted.join() !== before.join()) {
      const now = wanted;
      const rest = [...document.querySelectorAll("#standby-list .channel[data-id]")].map((row) => row.dataset.id);
      try {
        const found = await call("POST", "/api/channels/order", { ids: [...now, ...rest] }, list.dataset.revision);
        list.dataset.revision = found.revision;
        before = now;
      } catch (error) {
        put((wanted = before));
        throw error;
      }
    }
    put(wanted);
    saved(_("Order saved"));
  }

  function put(order) {
    if (order.join() === ids().join()) return;
    list.append(...order.map((id) => list.querySelector(`.channel[data-id="${id}"]`)).filter(Boolean));
    number();
  }

  function number() {
    list.querySelectorAll(".order").forEach((place, n) => (place.textContent = n + 1));
  }

  if (list.dataset.sortable === "yes") {
    new window.Sortable(list, { handle: ".handle", draggable: ".channel[data-id]", animation: 120, ghostClass: "ghost", onEnd: () => save() });
  }
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    const row = button.closest(".channel");
    const other = button.dataset.move === "up" ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (button.dataset.move === "up") other.before(row);
    else other.after(row);
    save();
    button.focus();
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    if (!list.hasAttribute("aria-busy")) wanted = before = ids();
  });
}

function paste() {
  const form = document.getElementById("paste");
  if (!form) return;
  const text = form.querySelector("textarea");
  const card = document.getElementById("proposal");
  const status = document.getElementById("paste-status");
  const save = [...form.querySelectorAll("[data-save]")];
  let timer = null;

  const look = newest(() => text.value.trim() && call("POST", "/api/channels/parse", { text: text.value }), show);

  function show(found) {
    if (!found) {
      card.hidden = true;
      save.forEach((button) => (button.disabled = true));
      status.textContent = "";
      return;
    }
    card.hidden = false;
    const channel = found.channel;
    const name = card.querySelector('[name="name"]');
    if (!name.dataset.touched) name.value = channel.name;
    const protocol = card.querySelector('[name="protocol"]');
    if (!protocol.dataset.touched) protocol.value = channel.protocol;
    fill("#urls", found.request_urls.map((entry) => entry.url));
    fill("#keys", channel.keys.map((key) => key.mask + (key.known_in ? ` (${_("known in {name}", { name: key.known_in })})` : "")));
    fill("#notes", found.notes);
    const words = found.complete ? "Addresses and keys were found" : channel.base_urls.length ? "A key is missing" : "An address is missing";
    status.textContent = _(words);
    status.className = found.complete ? "good" : "warn";
    save.forEach((button) => (button.disabled = !channel.base_urls.length));
    card.dataset.urls = JSON.stringify(channel.base_urls);
    if (protocol.dataset.touched) preview();
  }

  const preview = newest(
    () => {
      const protocol = card.querySelector('[name="protocol"]').value;
      const base_urls = JSON.parse(card.dataset.urls || "[]");
      return call("POST", "/api/channels/preview", { channel: { name: "preview", protocol, base_urls, keys: [] } });
    },
    (found) => fill("#urls", found.request_urls.map((entry) => entry.url)),
  );

  function fill(selector, lines) {
    card.querySelector(selector).replaceChildren(
      ...lines.map((line) => {
        const item = document.createElement("li");
        item.textContent = line;
        return item;
      }),
    );
  }

  async function add(test) {
    const body = { paste: text.value, name: card.querySelector('[name="name"]').value.trim(), protocol: card.querySelector('[name="protocol"]').value };
    const serves = valueOf(card.querySelector('[data-type="kinds"]'));
    if (serves) body.serves = serves.split(", ");
    const position = form.querySelector('[name="position"]:checked').value;
    const found = await call("POST", `/api/channels?position=${position}`, body, form.dataset.revision);
    if (test) {
      const result = await call("POST", `/api/channels/${found.channel.id}/test`, {}).catch((error) => ({ ok: false, error: error.message }));
      sessionStorage.setItem("tested", JSON.stringify(result));
    }
    markSaved(form);
    leave(() => location.assign(at(`/channels/${found.channel.id}`)));
  }

  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 250);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) once(form, () => add(true));
  });
  for (const field of card.querySelectorAll('[name="name"], [name="protocol"]')) {
    field.addEventListener("input", () => (field.dataset.touched = "yes"));
  }
  card.querySelector('[name="protocol"]').addEventListener("change", preview);
  save.forEach((button) => button.addEventListener("click", () => once(form, () => add(button.dataset.save === "test"))));
  form.addEventListener("submit", (event) => event.preventDefault());
  look();
}

function tellTest() {
  const kept = sessionStorage.getItem("tested");
  if (!kept) return;
  sessionStorage.removeItem("tested");
  const found = JSON.parse(kept);
  const link = found.request_id ? { href: at(`/requests/${found.request_id}`), text: _("Open it") } : null;
  toast(found.ok ? _("The test was answered in {time}: {text}", { time: `${Math.round(found.total_ms)} ms`, text: found.text }) : _("The test failed: {error}", { error: found.error }), !found.ok, link);
}

function tester() {
  const field = document.getElementById("map-test");
  if (!field) return;
  const form = document.getElementById("channel-form");
  const place = document.getElementById("map-result");
  let timer = null;
  const ask = () => {
    const models = field.value.split(/[\s,]+/).filter(Boolean).slice(0, 20);
    return models.length ? call("POST", "/api/channels/preview", { id: form.dataset.preview, channel: collect(form), models }) : { mapping: [] };
  };
  const line = (entry) => {
    const item = document.createElement("li");
    item.className = entry.allowed ? "" : "warn";
    const end = entry.entry ? `${entry.entry} → ${entry.upstream_model}${entry.effort ? ` (${entry.effort})` : ""}` : `${entry.upstream_model} (${_("unchanged")})`;
    const then = entry.then.length ? `, ${_("then {models}", { models: entry.then.join(", ") })}` : "";
    item.textContent = entry.allowed ? `${entry.model} → ${end}${then}` : `${entry.model}: ${_("not offered")}`;
    return item;
  };
  const look = newest(ask, (found) => place.replaceChildren(...found.mapping.map(line)));
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  };
  field.addEventListener("input", soon);
  form.querySelector("[data-map]").addEventListener("input", soon);
}

function upstream() {
  async function ask(method, path) {
    const place = document.getElementById("upstream-answer");
    const found = await call(method, path, method === "POST" ? {} : undefined);
    place.textContent = found.pings
      ? found.pings.map((ping) => Object.entries(ping).filter(([, value]) => value !== "" && value != null).map(([name, value]) => `${name} ${value}`).join("  ")).join("\n")
      : found.error || `${_("{n} models", { n: found.models.length })}\n${found.models.map((model) => model.id ?? model).join("\n")}`;
    place.hidden = false;
    const names = document.getElementById("model-names");
    if (names && found.models) names.replaceChildren(...found.models.map((model) => new Option(model.id ?? model)));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ask]");
    if (button) once(button, () => ask(...button.dataset.ask.split(" ")));
  });
}

export function startChannels() {
  order();
  paste();
  tester();
  upstream();
  tellTest();
}

