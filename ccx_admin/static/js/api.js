// Calls of the admin API with the session's CSRF token, and words about how they went.

import { settle } from "./conflict.js";
import { loggedIn, loggedOut } from "./unsaved.js";
import { _ } from "./words.js";

// Where the panel is mounted: before every path of ours.
export const at = (path) => document.body.dataset.base + path;
export let token = tokenOf(document);

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

export async function call(method, path, body, revision, resolve = null) {
  const headers = { "X-CSRF-Token": token, Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (revision) headers["If-Match"] = `"${revision}"`;
  if (resolve) headers["X-Resolve"] = ascii(JSON.stringify(resolve));
  let answer;
  try {
    answer = await fetch(at(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: "error" });
  } catch {
    throw new Problem(0, { detail: _("The panel cannot be reached") });
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    loggedOut();
    throw new Left(401, {});
  }
  if (answer.status === 403 && (await renewed())) return call(method, path, body, revision, resolve);
  loggedIn();
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

// The dialog that shows a change before it is made. Resolves to whether to make it.
export function showDiff(diff, problems = []) {
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
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "save"), { once: true }));
}

export function refresh() {
  document.querySelectorAll("[data-refresh]").forEach((place) => window.htmx?.trigger(place, "ccx:refresh"));
}
