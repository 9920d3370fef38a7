// The test page: the capability form and the playground.

import { ask, at, call, once, showProblem } from "./api.js";
import { _, duration } from "./words.js";

function capability(form) {
  const note = document.getElementById("cap-note");
  const say = note.textContent;
  const lines = () => form.elements.models.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const chosen = (name) => [...form.querySelectorAll(`[name="${name}"]:checked`)].map((box) => box.value);
  const count = () => {
    const n = new Set(lines()).size * chosen("protocols").length * chosen("checks").length;
    note.textContent = `${_("{n} questions.", { n })} ${say}`;
    form.querySelector("button").disabled = n === 0;
  };
  form.addEventListener("input", count);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { models: lines(), protocols: chosen("protocols"), checks: chosen("checks"), rpm: Number(form.elements.rpm.value) };
    once(form, async () => {
      const job = await call("POST", `/api/channels/${form.dataset.capability}/capability`, body);
      await window.htmx.ajax("GET", at(`/test/${job.id}`), { target: "#matrix", swap: "outerHTML" });
    });
  });
  count();
}

// The events of one answer; an event may come in several pieces.
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n\n");
    rest = whole.pop();
    for (const event of whole) if (event.startsWith("data: ")) yield JSON.parse(event.slice(6));
  }
}

function playground(form) {
  const place = document.getElementById("play-answer");
  const status = document.getElementById("play-status");
  const { send, halt } = form.elements;
  let running = null;

  function add(className, text) {
    const block = document.createElement("pre");
    block.className = className;
    block.textContent = text;
    place.append(block);
    return block;
  }

  const told = [];
  let request = "";
  function tell(words) {
    told.push(words);
    status.replaceChildren(told.join(" · "));
    if (request) {
      const a = document.createElement("a");
      a.href = at(`/requests/${request}`);
      a.textContent = _("Open it");
      status.append(" ", a);
    }
  }

  async function listen(signal) {
    const body = { stream: form.elements.stream.checked };
    for (const name of ["protocol", "model", "channel", "system", "prompt"]) if (form.elements[name].value) body[name] = form.elements[name].value;
    const answer = await ask("POST", "/api/playground", body, { Accept: "text/event-stream" }, signal);
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const parts = new Map();
    for await (const event of events(answer)) {
      request = event.request_id || request;
      if (event.status) tell(`${event.status}`);
      if (event.losses) tell(_("lost: {paths}", { paths: event.losses }));
      if ("part" in event) {
        if (!parts.has(event.part)) parts.set(event.part, add(`said ${event.kind}`, ""));
        parts.get(event.part).append(event.text);
      }
      if (event.error) add("said failed", event.error).setAttribute("role", "alert");
      if (event.usage) tell(_("{input} + {output} tokens", event.usage));
      if (event.total_ms) tell(duration(event.total_ms));
    }
  }

  async function play() {
    place.replaceChildren();
    place.hidden = false;
    told.length = 0;
    request = "";
    status.replaceChildren(_("asking …"));
    running = new AbortController();
    send.disabled = true;
    halt.hidden = false;
    try {
      await listen(running.signal);
    } catch (error) {
      const halted = running.signal.aborted;
      if (!halted) showProblem(error);
      tell(halted ? _("stopped") : _("Failed"));
    } finally {
      send.disabled = false;
      halt.hidden = true;
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form, play);
  });
  halt.addEventListener("click", () => running?.abort());
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

export function startBench() {
  const form = document.querySelector("form[data-capability]");
  if (form) capability(form);
  const play = document.getElementById("playground");
  if (play) playground(play);
  const pick = document.querySelector("form[data-pick] select");
  pick?.addEventListener("change", () => pick.form.requestSubmit());
}
