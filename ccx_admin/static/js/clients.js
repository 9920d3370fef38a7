// The check after a set-up: waits for the first request of a client and says what came.

import { at, call } from "./api.js";
import { clock, _ } from "./words.js";

const EVERY = 2000;
const LONGEST = 15 * 60 * 1000;

export function startClients() {
  const place = document.getElementById("first-request");
  if (!place?.dataset.client) return;
  const since = Date.now() - 1000;
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
    setTimeout(look, EVERY);
  };
  const show = (request) => {
    const link = document.createElement("a");
    link.href = at(`/requests/${request.id}`);
    link.textContent = _("Open it");
    const what = [clock(request.started_at), request.kind, request.model, request.status || "", request.user_agent].filter(Boolean).join(" · ");
    place.className = request.status >= 400 ? "message bad" : "message good";
    place.querySelector("span").replaceChildren(_("Seen: {what}", { what }), " ", link);
  };
  setTimeout(look, EVERY);
}
