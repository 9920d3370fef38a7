// Calls of the admin API with the session's CSRF token, and words about how they went.

import { _ } from "./words.js";

// Where the panel is mounted: before every path of ours.
export const at = (path) => document.body.dataset.base + path;
export const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || String(status));
    this.status = status;
    this.body = body;
  }
}

export async function call(method, path, body, revision) {
  const headers = { "X-CSRF-Token": token, Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (revision) headers["If-Match"] = `"${revision}"`;
  let answer;
  try {
    answer = await fetch(at(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: "error" });
  } catch {
    throw new Problem(0, { detail: _("The panel cannot be reached") });
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Problem(answer.status, found);
  return found;
}

export function toast(text, bad = false, link = null) {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  if (bad) box.setAttribute("role", "alert");
  box.append(text);
  if (link) {
    const a = document.createElement("a");
    a.href = link.href;
    a.textContent = link.text;
    box.append(" ", a);
  }
  document.getElementById("toasts")?.append(box);
  setTimeout(() => box.remove(), bad ? 9000 : link ? 12000 : 3500);
}

export function showProblem(error) {
  if (error.status === 409 && error.body?.diff) {
    toast(_("The file changed meanwhile. Nothing was saved; this is the difference:"), true);
    showDiff(error.body.diff, [], false);
    return;
  }
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
export function showDiff(diff, problems = [], canSave = true) {
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
  document.getElementById("changes-save").hidden = !canSave || problems.length > 0 || !diff;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "save"), { once: true }));
}

export function refresh() {
  document.querySelectorAll("[data-refresh]").forEach((place) => window.htmx?.trigger(place, "ccx:refresh"));
}
