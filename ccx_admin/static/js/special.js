// Forms whose body is not simply their fields: keys to add, where a session goes, a price.

import { call, leave, once, refresh, saved } from "./api.js";
import { markSaved } from "./unsaved.js";

const FORMS = {
  addKeys: async (form) => {
    const field = form.elements.keys;
    const keys = field.value.split(/[\s,]+/).filter(Boolean).map((key) => ({ key }));
    if (!keys.length) return;
    await call("POST", `/api/channels/${form.dataset.addKeys}/keys`, { keys });
    field.value = "";
    saved();
    refresh();
  },
  override: async (form) => {
    const body = { [form.elements.how.value]: [form.elements.channel.value], seconds: Number(form.elements.seconds.value) };
    await call("PUT", `/api/sessions/${encodeURIComponent(form.dataset.override)}/override`, body);
    markSaved(form);
    leave(() => location.reload());
  },
  price: async (form) => {
    const price = {};
    for (const name of ["input", "output", "cache_read", "cache_write", "picture"]) {
      if (form.elements[name].value !== "") price[name] = Number(form.elements[name].value);
    }
    await call("PATCH", "/api/settings", { prices: { [form.elements.pattern.value.trim()]: price } });
    markSaved(form);
    leave(() => location.reload());
  },
};

export function startSpecial() {
  document.addEventListener("submit", (event) => {
    const name = Object.keys(FORMS).find((key) => key in event.target.dataset);
    if (!name) return;
    event.preventDefault();
    once(event.target, () => FORMS[name](event.target));
  });
}
