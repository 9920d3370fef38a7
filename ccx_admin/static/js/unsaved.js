// What is written into a form and not saved yet: nothing takes it away unasked.

import { at, toast } from "./api.js";
import { changed } from "./forms.js";
import { _ } from "./words.js";

const FORMS = 'form[method="dialog"]:not([data-saved], #bulk)';
// Questions to a model are asked again and again; who leaves them is not asked why.
const QUESTIONS = "#playground, [data-capability]";

// In a dialog that was closed nothing is being written.
const written = (form) => !form.closest("dialog:not([open])") && [...form.elements].some((field) => field.matches("[name], .map-row *, [data-type] *") && changed(field));
const unsaved = (but) => [...document.querySelectorAll(FORMS)].some((form) => !(but && form.matches(but)) && written(form));

// Until somebody writes into it again.
export function markSaved(form) {
  if (form) form.dataset.saved = "";
}

let told = false;

// The session is over. Who has written nothing goes to the login.
export function loggedOut() {
  if (told) return;
  if (!unsaved()) location.reload();
  else {
    const link = { href: at("/login"), text: _("Log in"), target: "_blank" };
    toast(_("You are logged out. What you wrote is still here: log in, come back to this tab, and save it."), true, link, true);
  }
  told = true;
}

export function loggedIn() {
  told = false;
  document.querySelectorAll(".toast[data-stays]").forEach((box) => box.remove());
}

export function startUnsaved() {
  document.addEventListener("input", (event) => event.target.form?.removeAttribute("data-saved"));
  addEventListener("beforeunload", (event) => {
    if (!unsaved(QUESTIONS)) return;
    event.preventDefault();
    event.returnValue = true; // what older browsers look at
  });
}
