// Buttons and forms that call the API: data-call, data-api, data-copy.

import { at, call, leave, once, refresh, saved, showDiff, toast } from "./api.js";
import { collect, misread } from "./forms.js";
import { closeMenu } from "./menus.js";
import { markSaved } from "./unsaved.js";
import { _, duration } from "./words.js";

export function showSecret(found) {
  const place = document.getElementById("secret");
  place.hidden = false;
  place.querySelector("code").textContent = found.secret;
  place.scrollIntoView({ block: "center" });
  place.querySelector("button").focus();
  document.querySelector('form[data-after="secret"]')?.reset();
  refresh();
  document.dispatchEvent(new CustomEvent("ccx:client", { detail: found.client.name }));
  document.querySelectorAll("pre[data-snippet]").forEach((pre) => (pre.textContent = pre.textContent.replaceAll("YOUR_CCX_KEY", found.secret)));
}

const AFTER = {
  refresh: () => {
    saved();
    refresh();
  },
  reload: () => leave(() => location.reload()),
  commanded: (found) => {
    toast(_("{n} workers have done it", { n: Object.keys(found.workers ?? {}).length }));
    setTimeout(refresh, 600);
  },
  alerts: () => leave(() => location.assign(at("/settings/alerts"))),
  edit: (found) => leave(() => location.assign(at(`/channels/${found.channel.id}`))),
  channels: () => leave(() => location.assign(at("/channels"))),
  replayed: (found) =>
    toast(_("Sent again: {status} after {time}", { status: found.status, time: duration(found.total_ms) }), found.status >= 400, {
      href: at(`/requests/${found.request_id}`),
      text: _("Open it"),
    }),
  told: (found) => {
    toast(found.ok ? _("It was told") : _("It could not be told: {why}", { why: [found.status || "", found.words].filter(Boolean).join(" ") }), !found.ok);
    setTimeout(refresh, 600);
  },
  tested: (found) =>
    toast(
      found.ok ? _("The test was answered in {time}: {text}", { time: duration(found.total_ms), text: found.text }) : _("The test failed: {error}", { error: found.error }),
      !found.ok,
      { href: at(`/requests/${found.request_id}`), text: _("Open it") },
    ),
  deleted: (found) => {
    toast(_("{n} bodies were deleted", { n: found.deleted }));
    refresh();
  },
  secret: showSecret,
};

async function run(element, method, path, body, revision) {
  const found = await call(method, path, body, revision);
  if (element.matches("form")) markSaved(element);
  (AFTER[element.dataset.after] ?? AFTER.refresh)(found, element);
}

async function submit(form) {
  const [method, path] = form.dataset.api.split(" ");
  const wrong = misread(form);
  if (wrong) {
    toast(wrong.words, true);
    wrong.field.focus();
    return;
  }
  const body = collect(form);
  const revision = form.dataset.revision;
  if (form.dataset.preview !== undefined) {
    const shown = await call("POST", "/api/channels/preview", { channel: body, id: form.dataset.preview });
    if (!(await showDiff(shown.diff, shown.problems))) return;
  }
  await run(form, method, path, body, revision);
}

// Over plain http a page has no clipboard of its own; there is the way of old.
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.className = "visually-hidden";
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } finally {
    field.remove();
    focused?.focus();
  }
}

async function copy(text) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyBySelection(text);
  }
  toast(_(done ? "Copied" : "Could not copy"), !done);
}

function fill(field, value) {
  field.value = value;
  field.scrollIntoView({ block: "center" });
  field.form.querySelector("input[type=number]")?.focus();
}

export function startActions() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-call]");
    if (button) {
      if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
      const [method, path] = button.dataset.call.split(" ");
      const body = button.dataset.body ? JSON.parse(button.dataset.body) : method === "DELETE" || method === "GET" ? undefined : {};
      closeMenu(button.closest("details.menu"));
      once(button, () => run(button, method, path, body, button.dataset.revision));
    }
    const filler = event.target.closest("[data-fill]");
    if (filler) fill(document.querySelector(filler.dataset.fill), filler.dataset.value);
    const opener = event.target.closest("[data-open]");
    if (opener) document.getElementById(opener.dataset.open).showModal();
    event.target.closest("[data-close]")?.closest("dialog").close();
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(document.querySelector(copied.dataset.copy).textContent);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-api]");
    if (!form) return;
    event.preventDefault();
    once(form, () => submit(form));
  });
}
