// The check after a set-up: waits for the first request of a client and says what came.

import { showSecret } from "./actions.js";
import { at, call, once } from "./api.js";
import { closeMenu } from "./menus.js";
import { markSaved } from "./unsaved.js";
import { clock, _ } from "./words.js";

const EVERY = 2000;
const LONGEST = 15 * 60 * 1000;

let since = 0;
let timer = null;

function watch(place) {
  since = Date.now() - 1000;
  clearTimeout(timer);
  const look = async () => {
    if (Date.now() - since > LONGEST) return;
    if (!document.hidden) {
      try {
        const found = await call("GET", `/api/clients/${encodeURIComponent(place.dataset.client)}/last?since=${since}`);
        if (found.request) return show(found.request);
      } catch {
        // The next look may be better.
      }
    }
    timer = setTimeout(look, EVERY);
  };
  const show = (request) => {
    const link = document.createElement("a");
    link.href = at(`/requests/${request.id}`);
    link.textContent = _("Open it");
    const what = [clock(request.started_at), request.kind, request.model, request.status || "", request.user_agent].filter(Boolean).join(" · ");
    place.className = request.status >= 400 ? "message bad" : "message good";
    place.querySelector("span").replaceChildren(_("Seen: {what}", { what }), " ", link);
  };
  timer = setTimeout(look, EVERY);
}

// A client that was just made, or has a new key, is the one whose first request is waited for.
function follow(place, name) {
  place.dataset.client = name;
  place.className = "message info";
  const b = document.createElement("b");
  b.textContent = name;
  place.querySelector("span").replaceChildren(_("Waiting for the first request …"), " ", b);
  const select = document.querySelector('#setup select[name="client"]');
  if (select && ![...select.options].some((option) => option.value === name)) select.add(new Option(name));
  if (select) select.value = name;
  watch(place);
}

function rotating() {
  const dialog = document.getElementById("rotate");
  const form = document.getElementById("rotate-form");
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-rotate]");
    if (!button) return;
    closeMenu(button.closest("details.menu"));
    form.dataset.name = button.dataset.rotate;
    document.getElementById("rotate-name").textContent = button.dataset.rotate;
    dialog.showModal();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form, async () => {
      const found = await call("POST", `/api/clients/${encodeURIComponent(form.dataset.name)}/rotate`, { seconds: Number(form.elements.seconds.value) });
      markSaved(form);
      dialog.close();
      showSecret(found);
    });
  });
}

export function startClients() {
  rotating();
  const place = document.getElementById("first-request");
  if (!place) return;
  document.addEventListener("ccx:client", (event) => follow(place, event.detail));
  if (place.dataset.client) watch(place);
}
