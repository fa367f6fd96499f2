"use strict";
(() => {
  const AXES = ["reward", "method", "responses", "beta", "seed"];
  const FILTERED = ["dataset", "trained", ...AXES].map((axis) => `[data-${axis}]`).join();
  const byId = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const filters = byId("filters");

  function wanted() {
    const given = filters ? [...new FormData(filters)] : [];
    return Object.fromEntries(given.filter(([, value]) => value));
  }

  // What has no value on an axis is not filtered by it. A data set is that of training or of test.
  function fits(asked, of) {
    const sets = [of.dataset, of.trained].filter(Boolean);
    return (!asked.dataset || !sets.length || sets.includes(asked.dataset)) &&
      AXES.every((axis) => !asked[axis] || !of[axis] || of[axis] === asked[axis]);
  }

  const holds = (text, part) => text.toLowerCase().includes(part.trim().toLowerCase());

  // Tables.

  const filtered = all(FILTERED);
  const lists = all("[data-list]");
  const regions = all(".scroll");
  const cells = all("tr.cell");

  function find(list, asked) {
    const text = list.querySelector("input").value;
    for (const row of list.querySelectorAll("tbody tr")) {
      row.hidden = !fits(asked, row.dataset) || !holds(row.textContent, text);
    }
  }

  function isEmpty(region) {
    return ![...region.querySelectorAll("tbody tr:not([hidden])")]
      .some((row) => row.querySelector("td:not([hidden])"));
  }

  function showTables() {
    const asked = wanted();
    for (const element of filtered) element.hidden = !fits(asked, element.dataset);
    for (const list of lists) find(list, asked);
    for (const region of regions) region.classList.toggle("empty", isEmpty(region));
    document.body.classList.toggle("filtered", Object.keys(asked).length > 0);
    const shown = cells.filter((cell) => !cell.hidden).length;
    if (filters) byId("shown").value = `${shown} of ${cells.length} evaluations`;
  }

  // Samples.

  const view = byId("sample");
  const prompts = view ? JSON.parse(byId("data").textContent)
    .flatMap((set) => set.prompts.map((prompt) => ({ ...prompt, set }))) : [];
  let found = [];

  function responses(prompt) {
    const best = byId("which").value === "best";
    return prompt.responses.map((response) => ({
      ...prompt.set.policies[response.policy],
      ...response.samples[best ? response.best : 0],
      dataset: prompt.set.dataset,
    }));
  }

  // The SFT model, which has no axes, stands beside whatever else is shown.
  function shownResponses(prompt) {
    const asked = wanted();
    const given = responses(prompt);
    const policies = given.filter((of) => of.method && fits(asked, of));
    const alone = given.every((of) => !of.method) && fits(asked, { dataset: prompt.set.dataset });
    return policies.length || alone ? [...given.filter((of) => !of.method), ...policies] : [];
  }

  function isFound(prompt) {
    const shown = shownResponses(prompt);
    const texts = [...prompt.turns.map((turn) => turn.content), prompt.chosen, prompt.rejected];
    return shown.length > 0 &&
      [...texts, ...shown.map((of) => of.text)].some((text) => holds(text, byId("find").value));
  }

  function element(name, kind, ...children) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    made.append(...children);
    return made;
  }

  const number = (value) => value.toFixed(2).replace("-", "−");

  function card(title, text, details = [], kind = "") {
    return element("article", `card ${kind}`, element("h4", "", title),
      element("small", "", ...details), element("p", "", text || "(empty)"));
  }

  function responseCard(of, best) {
    const scores = of.scores.map(([name, value]) => `${name} ${number(value)}`);
    const details = [[...scores, `sample ${of.number} of ${of.of}`].join(" · ")];
    if (of.harmful) details.push(" · ", element("span", "harmful", "harmful"));
    return card(of.title, of.text, details, best ? "best" : "");
  }

  function groupTitle(of) {
    const trained = of.trained === of.dataset ? "" : `, trained on ${of.trained}`;
    return `${of.reward.toUpperCase()}, n = ${of.responses}, β = ${of.beta}, seed ${of.seed}${trained}`;
  }

  function groups(policies) {
    const byTitle = new Map();
    for (const of of policies) {
      const title = groupTitle(of);
      byTitle.set(title, [...(byTitle.get(title) ?? []), of]);
    }
    return [...byTitle];
  }

  function group([title, policies]) {
    const rewards = policies.map((of) => new Map(of.scores).get("reward"));
    const most = Math.max(...rewards);
    const cards = policies
      .map((of, place) => responseCard(of, policies.length > 1 && rewards[place] === most));
    return [element("h4", "group", title), element("div", "cards", ...cards)];
  }

  function draw(prompt) {
    const shown = shownResponses(prompt);
    const base = shown.filter((of) => !of.method).map((of) => responseCard(of, false));
    const pair = [card("Human, preferred", prompt.chosen), card("Human, dispreferred", prompt.rejected)];
    return [
      element("div", "turns", ...prompt.turns.map((turn) => card(turn.role, turn.content))),
      element("div", "cards", ...pair, ...base),
      ...groups(shown.filter((of) => of.method)).flatMap(group),
    ];
  }

  function promptTitle(prompt, place) {
    const text = prompt.turns.at(-1)?.content ?? "";
    return `${place + 1}. ${prompt.set.dataset}: ${text.slice(0, 80)}`;
  }

  function showPrompt() {
    const place = byId("prompt").selectedIndex;
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place >= found.length - 1;
    const nothing = element("p", "empty");
    view.replaceChildren(...(place < 0 ? [nothing] : draw(found[place])));
  }

  function showSamples() {
    if (!view) return;
    const before = found[byId("prompt").selectedIndex];
    found = prompts.filter(isFound);
    byId("prompt").replaceChildren(...found.map((prompt, place) => new Option(promptTitle(prompt, place))));
    byId("prompt").selectedIndex = found.length ? Math.max(0, found.indexOf(before)) : -1;
    showPrompt();
  }

  function step(by) {
    byId("prompt").selectedIndex += by;
    showPrompt();
  }

  // The address keeps the filters, so that what is seen can be linked to. Inside Snakemake's report
  // the page is its own address, which stays.

  function remember() {
    if (location.protocol === "data:") return;
    const query = new URLSearchParams(wanted()).toString();
    history.replaceState(null, "", (query ? `?${query}` : location.pathname) + location.hash);
  }

  function recall() {
    for (const select of filters?.querySelectorAll("select") ?? []) {
      const value = new URLSearchParams(location.search).get(select.name) ?? "";
      if ([...select.options].some((option) => option.value === value)) select.value = value;
    }
  }

  function show() {
    showTables();
    showSamples();
  }

  function refilter() {
    show();
    remember();
  }

  filters?.addEventListener("change", refilter);
  // A form's controls are reset after this event.
  filters?.addEventListener("reset", () => setTimeout(refilter));
  for (const list of lists) list.querySelector("input").addEventListener("input", showTables);
  for (const form of document.forms) {
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  if (view) {
    byId("find").addEventListener("input", showSamples);
    byId("which").addEventListener("change", showSamples);
    byId("prompt").addEventListener("change", showPrompt);
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
  }
  recall();
  show();
})();
