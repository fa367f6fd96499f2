"use strict";
// Saves scores while they are written, and leads from field to field by Enter.
(() => {
  const form = document.getElementById("scores");
  const status = document.getElementById("saved");
  const fields = [...form.querySelectorAll("input[type=number]")];
  const next = form.querySelector("button[value=next]");
  const PAUSE = 500;
  const LONGEST_PAUSE = 15000;

  // What the server has, by field. A field that holds no score keeps the one that is saved.
  let saved = new Map(fields.map((field) => [field.name, field.dataset.saved]));
  let saving = null;
  let unanswered = null;
  let timer = 0;
  let pause = PAUSE;

  const current = () => new Map(fields.map((field) =>
    [field.name, field.validity.valid ? field.value : saved.get(field.name)]));
  const wrong = () => fields.filter((field) => !field.validity.valid).length;
  const differs = (values) => fields.some(({ name }) => values.get(name) !== saved.get(name));
  const isSame = (values, texts) =>
    fields.every(({ name }) => Number(values.get(name)) === Number(texts[name]));

  function say(text, unsaved = false) {
    status.value = text;
    status.classList.toggle("unsaved", unsaved);
  }

  function sayState() {
    const number = wrong();
    if (number) say(`Not saved: ${number} ${number > 1 ? "scores are" : "score is"} not from 1.00 to 5.00`, true);
    else say(differs(current()) ? "Saving …" : "Saved");
  }

  function body(values) {
    const sent = new URLSearchParams([...values]);
    sent.set("csrf", form.elements.csrf.value);
    sent.set("revision", form.elements.revision.value);
    sent.set("go", "stay");
    return sent;
  }

  async function send(values) {
    const answer = await fetch(form.action, {
      method: "POST", body: body(values), keepalive: true,
      headers: { Accept: "application/json" }, redirect: "error",
    });
    return { status: answer.status, ...await answer.json() };
  }

  function took(values, answer) {
    saved = values;
    pause = PAUSE;
    form.elements.revision.value = answer.revision;
    document.getElementById("complete").textContent = answer.complete;
    document.getElementById("progress").value = answer.complete;
    sayState();
  }

  // Later attempts come at longer and longer intervals.
  function again(text) {
    say(text, true);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
    plan(pause);
  }

  async function attempt(values) {
    let answer;
    try {
      answer = await send(values);
    } catch {
      unanswered ??= values;
      return again("Not saved: no connection. Trying again …");
    }
    const lost = unanswered;
    unanswered = null;
    if (answer.status === 200) return took(values, answer);
    if (answer.status === 429 || answer.status >= 500) return again(`Not saved. ${answer.reason}`);
    // What was saved meanwhile may be this page's own, and only the answer was lost.
    if (answer.status === 409 && lost && answer.saved && isSame(lost, answer.saved)) {
      took(lost, answer);
      return plan(0);
    }
    return say(`Not saved. ${answer.reason}`, true);
  }

  async function save() {
    clearTimeout(timer);
    while (saving) await saving;
    const values = current();
    if (!differs(values)) return sayState();
    saving = attempt(values).finally(() => { saving = null; });
    await saving;
  }

  function plan(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(save, milliseconds);
  }

  form.addEventListener("input", () => { sayState(); plan(PAUSE); });
  form.addEventListener("change", () => plan(0));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") save();
  });
  window.addEventListener("online", () => plan(0));
  window.addEventListener("beforeunload", (event) => {
    if (pause > PAUSE && differs(current())) event.preventDefault();
  });

  // Where saving fails, the page stays: what is written on it would be lost.
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await save();
    if (!differs(current())) location.assign(event.submitter.dataset.path);
  });

  form.addEventListener("keydown", (event) => {
    const place = fields.indexOf(event.target);
    if (event.key !== "Enter" || place < 0) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) return form.requestSubmit(next);
    (fields[place + 1] || next).focus();
  });

  // Turning the wheel over a field that has the focus would change its score.
  form.addEventListener("wheel", (event) => {
    if (fields.includes(event.target)) event.target.blur();
  }, { passive: true });

  const problem = document.getElementById("problem");
  if (problem) {
    problem.focus();
    plan(0);
  }
})();
