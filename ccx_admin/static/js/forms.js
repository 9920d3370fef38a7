// A form's fields as JSON: names are paths, data-type says how a value is read, and unchanged fields stay out.

import { _ } from "./words.js";

const READ = {
  text: (value) => value.trim() || null,
  textarea: (value) => value || null,
  number: (value) => (value.trim() === "" ? null : Number(value)),
  choice: (value) => value || null,
  bool: (value) => value === "true",
  words: (value) => list(value.split(/[,\n]/)),
  kinds: (value) => list(value.split(",")),
  lines: (value) => list(value.split("\n")),
  moment: (value) => (value ? new Date(value).toISOString().replace(/\.\d+/, "") : null),
  // "*-opus-* rpm=10 tokens_per_minute=50000"
  limits: (value) =>
    list(value.split("\n")).map((line) => {
      const [models, ...rest] = line.split(/\s+/);
      const numbers = rest.map((part) => part.split("=")).filter(([name, number]) => name && number);
      return { ...(models === "*" ? {} : { models: list(models.split(",")) }), ...Object.fromEntries(numbers.map(([name, number]) => [name, Number(number)])) };
    }),
  pairs: (value) =>
    Object.fromEntries(
      list(value.split("\n"))
        .filter((line) => line.includes(":"))
        .map((line) => [line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim()]),
    ),
};

const list = (parts) => parts.map((part) => part.trim()).filter(Boolean);

export function valueOf(field) {
  if (field.dataset.type === "kinds") return list([...field.querySelectorAll("input:checked")].map((box) => box.value)).join(", ");
  return ["checkbox", "radio"].includes(field.type) ? (field.checked ? "true" : "") : field.value;
}

// As the page brought it. People write before the scripts have come, and browsers fill in anew what was left in a form.
function brought(field) {
  const form = document.createElement("form");
  form.append(field.cloneNode(true));
  form.reset();
  return valueOf(form.firstElementChild);
}

export const changed = (field) => valueOf(field) !== brought(field);

function place(target, path, value) {
  const parts = path.split(".");
  const last = parts.pop();
  for (const part of parts) target = target[part] ??= {};
  target[last] = value;
}

// Pairs are a merge patch, too: a name that was taken away becomes null.
function merged(before, after) {
  const gone = Object.keys(before).filter((name) => !(name in after));
  return { ...Object.fromEntries(gone.map((name) => [name, null])), ...after };
}

export function collect(form) {
  const found = {};
  for (const field of form.querySelectorAll("[data-type]")) {
    const type = field.dataset.type;
    const text = valueOf(field);
    const before = brought(field);
    if (field.dataset.always === undefined && text === before) continue;
    let value = READ[type](text);
    if (type === "pairs") value = merged(READ.pairs(before), value);
    if (Array.isArray(value) && !value.length) value = null;
    place(found, field.dataset.name || field.name, value);
  }
  const map = form.querySelector("[data-map]");
  if (map) {
    const models = mapping(map);
    const before = JSON.parse(map.dataset.map);
    if (JSON.stringify(models) !== JSON.stringify(before)) found.models = merged(before, models);
  }
  for (const field of form.querySelectorAll("select[name]:not([data-type]), input[name]:not([data-type])")) {
    if (field.value && field.type !== "hidden") place(found, field.name, field.type === "number" ? Number(field.value) : field.value);
  }
  if (form.dataset.wrap) return form.dataset.wrap.split(".").reduceRight((inner, name) => ({ [name]: inner }), found);
  return found;
}

// Rows with one name are the chain of that model.
export function mapping(map) {
  const found = {};
  for (const row of map.querySelectorAll(".map-row")) {
    const [from, to] = row.querySelectorAll("input");
    const effort = row.querySelector("select").value;
    const name = from.value.trim();
    const model = to.value.trim();
    if (!name || !model) continue;
    const target = effort ? { to: model, effort } : model;
    found[name] = name in found ? [found[name], target].flat() : target;
  }
  return found;
}

// The first word of a line of limits that is none; the models come before them.
function noLimit(line) {
  const [models, ...limits] = line.split(/\s+/);
  if (models.includes("=") || !limits.length) return line;
  return limits.find((part) => !/^\w+=\S+$/.test(part) || Number.isNaN(Number(part.slice(part.indexOf("=") + 1))));
}

// What a field would not be read as: said instead of left out. {field, words}
export function misread(form) {
  for (const field of form.querySelectorAll('[data-type="pairs"], [data-type="limits"]')) {
    if (!changed(field)) continue;
    for (const line of list(field.value.split("\n"))) {
      const what = field.dataset.type === "pairs" ? !/^[^:]+:/.test(line) && line : noLimit(line);
      if (what) return { field, words: _(field.dataset.type === "pairs" ? "{what}: this needs a name, a colon and a value" : "{what}: this needs a name, = and a number", { what }) };
    }
  }
  for (const row of form.querySelectorAll(".map-row")) {
    const [from, to] = row.querySelectorAll("input");
    if (!from.value.trim() !== !to.value.trim()) return { field: from.value.trim() ? to : from, words: _("{what}: both models are needed", { what: from.value.trim() || to.value.trim() }) };
  }
  return null;
}

export function startForms() {
  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-add-row]");
    if (add) {
      const rows = document.querySelector(add.dataset.addRow);
      rows.append(document.getElementById("map-row").content.cloneNode(true));
      rows.lastElementChild.querySelector("input").focus();
    }
    event.target.closest("[data-remove-row]")?.closest(".map-row").remove();
  });
}
