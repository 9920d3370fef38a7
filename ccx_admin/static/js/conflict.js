// Two people changed the same: before, theirs and mine side by side, and a choice for each place. What was typed stays.

import { _ } from "./words.js";

const SIDES = [
  ["base", "Before"],
  ["theirs", "Theirs, saved meanwhile"],
  ["mine", "Mine"],
];

function cell(tag, ...content) {
  const found = document.createElement(tag);
  found.append(...content);
  return found;
}

function value(text) {
  const pre = document.createElement("pre");
  pre.className = text === null ? "quiet" : "mono";
  pre.textContent = text === null ? _("(nothing)") : text;
  return pre;
}

function choice(clash, side, n) {
  if (side === "base") return value(clash.base);
  const label = document.createElement("label");
  label.className = "side";
  const radio = document.createElement("input");
  Object.assign(radio, { type: "radio", name: `clash-${n}`, value: side, checked: side === "mine" });
  radio.dataset.pointer = clash.pointer;
  label.append(radio, value(clash[side]));
  return label;
}

function table(clashes) {
  const head = cell("tr", cell("th", _("Place")), ...SIDES.map(([, word]) => cell("th", _(word))));
  const rows = clashes.map((clash, n) => {
    const cells = SIDES.map(([side, word]) => {
      const found = cell("td", choice(clash, side, n));
      found.dataset.label = _(word);
      return found;
    });
    return cell("tr", cell("th", clash.place), ...cells);
  });
  const found = cell("table", cell("thead", head), cell("tbody", ...rows));
  found.className = "stackable clashes";
  return found;
}

function button(text, value, primary = false) {
  const found = document.createElement("button");
  found.className = primary ? "button primary" : "button";
  found.value = value;
  found.textContent = text;
  return found;
}

// Resolves to the headers that settle the conflict, or null: nothing is saved.
export function settle(conflict, diffOf) {
  const dialog = document.createElement("dialog");
  dialog.className = "wide";
  dialog.setAttribute("aria-labelledby", "conflict-title");
  const title = cell("h2", _("Somebody else changed this meanwhile"));
  title.id = "conflict-title";
  const form = document.createElement("form");
  form.method = "dialog";
  const place = document.createElement("div");
  place.className = "scroll";
  if (conflict.clashes.length) {
    place.append(table(conflict.clashes));
    form.append(button(_("Save with these choices"), "chosen", true));
    if (conflict.clashes.length > 1) {
      const all = ["theirs", "mine"].map((side) => {
        const found = button(_(side === "mine" ? "All mine" : "All theirs"), "");
        found.type = "button";
        found.addEventListener("click", () => dialog.querySelectorAll(`input[value="${side}"]`).forEach((radio) => (radio.checked = true)));
        return found;
      });
      form.append(...all);
    }
  } else {
    place.append(diffOf(conflict.mine));
    form.append(button(_("Save mine all the same"), "force", true));
  }
  form.append(button(_("Back"), ""));
  form.className = "row";
  const lead = cell("p", _(conflict.clashes.length ? "What is about other things was put together. Here both of you changed the same." : "Nobody knows any more what you began with. This is what yours would change:"));
  lead.className = "quiet";
  dialog.append(title, lead, place, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener(
      "close",
      () => {
        const chosen = Object.fromEntries([...dialog.querySelectorAll("input:checked")].map((radio) => [radio.dataset.pointer, radio.value]));
        dialog.remove();
        if (dialog.returnValue === "chosen") resolve({ resolve: chosen });
        else resolve(dialog.returnValue === "force" ? { revision: conflict.revision } : null);
      },
      { once: true },
    ),
  );
}
