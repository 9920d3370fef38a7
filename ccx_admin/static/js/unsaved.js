// What is written into a form of the configuration and not saved yet: nothing takes it away unasked.

import { at, toast } from "./api.js";
import { changed } from "./forms.js";
import { _ } from "./words.js";

export const unsaved = () => [...document.querySelectorAll("form[data-revision]:not([data-saved])")].some((form) => [...form.elements].some((field) => field.matches("[name], .map-row *, [data-type] *") && changed(field)));

// Until somebody writes into it again.
export function markSaved(form) {
  if (form) form.dataset.saved = "";
}

let told = false;

// The session is over. Who has written nothing goes to the login.
export function loggedOut() {
  if (!unsaved()) location.reload();
  else if (!told) {
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
  addEventListener("beforeunload", (event) => unsaved() && event.preventDefault());
}
