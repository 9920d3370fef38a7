// Calls of the admin API with the session's CSRF token, and words about how they went.

import { settle } from "./conflict.js";
import { loggedIn, loggedOut } from "./unsaved.js";
import { _ } from "./words.js";

// Where the panel is mounted: before every path of ours.
export const at = (path) => document.body.dataset.base + path;
let token = tokenOf(document);

function tokenOf(page) {
  return page.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

// Who logs in again, in another tab, has another token.
async function renewed() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const before = token;
  token = tokenOf(new DOMParser().parseFromString(await answer.text(), "text/html")) || token;
  return token !== before;
}

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || String(status));
    this.status = status;
    this.body = body;
  }
}

// Thrown when somebody thought better of it: there is nothing to tell.
class Left extends Problem {}

const ascii = (text) => text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

// One press, one deed: what is under way is not begun again, not even while the page that it leads to is on its way.
const underWay = new WeakSet();
let leaving = null;

export async function once(element, work) {
  if (underWay.has(element)) return;
  underWay.add(element);
  element.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    showProblem(error);
  } finally {
    await leaving;
    underWay.delete(element);
    element.removeAttribute("aria-busy");
  }
}

// The answer, whatever it says; a session that is over is told of, and one that was renewed is used.
export async function ask(method, path, body, more = {}, signal = null) {
  const headers = { "X-CSRF-Token": token, Accept: "application/json", ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(at(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: "error", signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { detail: _("The panel cannot be reached") });
  }
  if (answer.status === 401) {
    loggedOut();
    throw new Left(401, {});
  }
  if (answer.status === 403 && (await renewed())) return ask(method, path, body, more, signal);
  loggedIn();
  return answer;
}

export async function call(method, path, body, revision, resolve = null) {
  const answer = await ask(method, path, body, {
    ...(revision && { "If-Match": `"${revision}"` }),
    ...(resolve && { "X-Resolve": ascii(JSON.stringify(resolve)) }),
  });
  const found = await answer.json().catch(() => null);
  if (!found) throw new Problem(answer.status, { detail: _("The panel cannot be reached") }); // somebody before it answered
  if (answer.status === 409 && found.clashes) {
    const chosen = await settle(found, diffOf);
    if (!chosen) throw new Left(409, {});
    return call(method, path, body, chosen.revision ?? revision, { ...resolve, ...chosen.resolve });
  }
  if (!answer.ok) throw new Problem(answer.status, found);
  undoable = answer.headers.get("X-Undo") ?? undoable;
  return found;
}

let undoable = null;
const LATER = "ccx-saved";
const LONGEST = 20000; // Who is still here then was not let go.

// Says that something was saved, with a way back if it changed the configuration.
export function saved(text = _("Saved")) {
  const revision = undoable;
  undoable = null;
  toast(text, false, revision && { text: _("Undo"), act: () => undo(revision) });
}

async function undo(revision) {
  try {
    await call("POST", "/api/config/undo", { revision });
    if (document.querySelector("[data-refresh]") && !document.querySelector("form[data-revision]")) {
      saved(_("Undone"));
      refresh();
    } else {
      // A page of something that was made by what is undone is no more.
      const isThere = (await fetch(location.href, { method: "HEAD" })).status !== 404;
      leave(() => (isThere ? location.reload() : location.assign(new URL(".", location.href))), _("Undone"));
    }
  } catch (error) {
    showProblem(error);
  }
}

// The same, on the page that comes next.
export function leave(go, text = _("Saved")) {
  sessionStorage.setItem(LATER, JSON.stringify({ text, undoable }));
  leaving = new Promise((stayed) => {
    setTimeout(stayed, LONGEST);
    addEventListener("pageshow", stayed, { once: true });
  });
  leaving.then(() => (leaving = null));
  go();
}

export function tellSaved() {
  const left = JSON.parse(sessionStorage.getItem(LATER) ?? "null");
  sessionStorage.removeItem(LATER);
  if (!left) return;
  undoable = left.undoable;
  saved(left.text);
}

export function toast(text, bad = false, link = null, stays = false) {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  if (bad) box.setAttribute("role", "alert");
  box.append(text);
  if (link) {
    const a = document.createElement(link.act ? "button" : "a");
    if (link.act) {
      a.type = "button";
      a.className = "button small";
      a.addEventListener("click", () => {
        if (box.contains(document.activeElement)) document.getElementById("content").focus();
        box.remove();
        link.act();
      });
    } else Object.assign(a, { href: link.href, target: link.target ?? "" });
    a.textContent = link.text;
    box.append(" ", a);
  }
  document.getElementById("toasts")?.append(box);
  box.toggleAttribute("data-stays", stays);
  if (stays) return;
  // It stays while somebody is at it.
  let timer = null;
  const leave = () => (timer = setTimeout(() => box.remove(), bad ? 9000 : link ? 12000 : 3500));
  for (const name of ["mouseenter", "focusin"]) box.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["mouseleave", "focusout"]) box.addEventListener(name, leave);
  leave();
}

export function showProblem(error) {
  if (error instanceof Left) return;
  const problems = error.body?.problems ?? [];
  toast(problems.length ? problems.map((p) => `${p.path}: ${p.message}`).join("; ") : error.message, true);
}

export function diffOf(text) {
  const pre = document.createElement("pre");
  pre.className = "diff";
  pre.tabIndex = 0;
  for (const line of text.replace(/\n$/, "").split("\n")) {
    const span = document.createElement("span");
    if (line.startsWith("+") && !line.startsWith("+++")) span.className = "add";
    else if (line.startsWith("-") && !line.startsWith("---")) span.className = "del";
    else if (line.startsWith("@@")) span.className = "at";
    span.textContent = line + "\n";
    pre.append(span);
  }
  return pre;
}

let answer = () => {};

// The dialog that shows a change before it is made. Resolves to whether to make it; what it showed before is not made.
export function showDiff(diff, problems = []) {
  answer(false);
  const dialog = document.getElementById("changes");
  const place = document.getElementById("changes-diff");
  place.replaceChildren(diff ? diffOf(diff) : document.createTextNode(_("Nothing changes")));
  const list = document.getElementById("changes-problems");
  list.replaceChildren(
    ...problems.map((problem) => {
      const p = document.createElement("p");
      p.className = "bad";
      p.textContent = `${problem.line ? `${problem.line}: ` : ""}${problem.path}: ${problem.message}`;
      return p;
    }),
  );
  document.getElementById("changes-save").hidden = problems.length > 0 || !diff;
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    answer = resolve;
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "save"), { once: true });
  });
}

// For what is asked while somebody writes: an answer that a newer one has passed comes to nothing.
export function newest(ask, show) {
  let last = 0;
  return async () => {
    const mine = ++last;
    try {
      const found = await ask();
      if (mine === last) show(found);
    } catch (error) {
      if (mine === last) showProblem(error);
    }
  };
}

export function refresh() {
  document.querySelectorAll("[data-refresh]").forEach((place) => window.htmx?.trigger(place, "ccx:refresh"));
}
