"use strict";
/* The data of the page, small builders, and its head: status, scores, costs, problems. */

const $ = (id) => document.getElementById(id);
const list = (value) => (Array.isArray(value) ? value : []);
const rows = (value) => list(value).filter((row) => row && typeof row === "object");
const said = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
const texts = (value) => list(value).map(said);
const isNumber = (value) => typeof value === "number";
const percent = (value) => (isNumber(value) ? (100 * value).toFixed(1) : "–");
const decimals = (value) => (isNumber(value) ? value.toFixed(2) : "–");
const count = (value) => (isNumber(value) ? value.toLocaleString("en") : "–");
const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
const distinct = (values) => [...new Set(values)];

// First of all, so that a fault anywhere below is seen on the page.
addEventListener("error", (event) => notice(`This page could not show everything: ${event.message}`));

const DATA = JSON.parse($("data").textContent);
const DOCUMENTS = rows(DATA.documents).map(tidy);
const TYPES = distinct(DOCUMENTS.flatMap((d) => d.mentions.map((m) => m.type))).sort();
const RELATION_TYPES = distinct(DOCUMENTS.flatMap((d) => d.relations.map((r) => r.type))).sort();
const PROBLEMS = new Map();
rows(DATA.errors).forEach((row) => PROBLEMS.set(said(row.id), [...(PROBLEMS.get(said(row.id)) || []), row]));
const searchable = new Map();
const state = { visible: [], record: null, view: null, relation: -1, all: true, pinned: null };

/** A record with every list in place, whatever it left out. Mentions keep their positions. */
function tidy(record) {
  const objects = (value) => list(value).map((row) => (row && typeof row === "object" ? row : {}));
  return {
    ...record, id: said(record.id), text: said(record.text), passages: rows(record.passages),
    mentions: objects(record.mentions).map((m) => ({ ...m, type: said(m.type), ids: texts(m.ids) })),
    concepts: rows(record.concepts).map((c) => ({
      ...c, id: said(c.id), type: said(c.type), names: texts(c.names), ids: texts(c.ids),
      mentions: list(c.mentions), broader_than: texts(c.broader_than),
    })),
    relations: rows(record.relations).map((r) => ({
      ...r, type: said(r.type), arguments: rows(r.arguments), evidence: rows(r.evidence),
      origin: r.origin || {}, status: r.status || {},
    })),
    conditions: rows(record.conditions).map((c) => ({ ...c, type: said(c.type), text: said(c.text), relation: said(c.relation) })),
    reasoning: rows(record.reasoning).map((r) => ({ ...r, start: list(r.sentence)[0], end: list(r.sentence)[1] })),
  };
}

function table(headings, body) {
  const row = (kind, attributes, cells) => element("tr", {}, ...cells.map((cell) => element(kind, attributes, cell instanceof Node ? cell : said(cell))));
  return element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table" }, element("table", {},
    element("thead", {}, row("th", { scope: "col" }, headings)), element("tbody", {}, ...body.map((cells) => row("td", {}, cells)))));
}

/** A closed section whose content is made when it is first opened. */
function folded(title, make, open = false) {
  const box = element("details", {}, element("summary", {}, title));
  box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(make()); });
  box.open = open;
  return box;
}

function button(attributes, onClick, ...children) {
  const node = element("button", { type: "button", ...attributes }, ...children);
  node.addEventListener("click", onClick);
  return node;
}

/* --- the head of the page --- */

function showHead() {
  const { manifest, ledger } = DATA;
  const identity = manifest.identity || {};
  const engines = Object.values(identity.engines || {}).map((e) => said(e.name) + (e.digest ? ` (${said(e.digest).slice(0, 12)})` : ""));
  const when = (value) => said(value).replace(/T(\d\d:\d\d)\S*$/, " $1 UTC");
  $("status").textContent = said(manifest.status) || "status unknown";
  $("status").classList.add(manifest.status === "complete" ? "good" : "bad");
  $("about").textContent = [
    manifest.task && `Task ${said(manifest.task)}`, distinct([...engines, said(manifest.engine), said(manifest.model)]).filter(Boolean).join(", "),
    manifest.started && `started ${when(manifest.started)}`, identity.version && `apothecary ${said(identity.version)}`,
  ].filter(Boolean).join(" · ");
  const failed = (manifest.counts || {}).failed;
  for (const [name, value] of Object.entries({ ...DATA.counts, ...(failed ? { failed } : {}) })) {
    $("counts").append(element("div", {}, element("dt", {}, name), element("dd", {}, count(value))));
  }
  const left = DATA.counts.documents - DOCUMENTS.length;
  if (left > 0) notice(`This page shows the first ${count(DOCUMENTS.length)} of ${plural(DATA.counts.documents, "document")}; the other ${count(left)} are in predictions.jsonl.`);
  const figures = figuresOf(DATA.scores);
  const wide = !matchMedia("(max-width: 760px)").matches;
  $("panels").prepend(...[
    figures.length && folded(scoreTitle(figures), () => element("div", { class: "scores" }, ...figures.map(scoreCard)), wide && figures.length <= 4),
    folded("What it took", () => costTable(ledger)),
    folded("Where it comes from", () => element("pre", { tabindex: 0 }, JSON.stringify(manifest, null, 2))),
    DATA.counts.problems && folded(`Problems (${count(DATA.counts.problems)})`, allProblems),
  ].filter(Boolean));
}

function notice(text) {
  $("notices").append(element("p", { class: "notice", role: "status" }, text));
}

function allProblems() {
  const shown = rows(DATA.errors);
  const left = DATA.counts.problems - shown.length;
  return element("div", {},
    left > 0 ? element("p", { class: "notice" }, `The first ${count(shown.length)} of ${count(DATA.counts.problems)}; the other ${count(left)} are in errors.jsonl.`) : null,
    problemTable(shown, true));
}

function problemTable(problems, withId) {
  const known = new Set(DOCUMENTS.map((d) => d.id));
  const link = (id) => (known.has(id) ? element("a", { href: hashOf(id) }, id) : `${id} (not shown)`);
  const raw = (value) => (said(value) ? element("details", {}, element("summary", {}, "raw reply"), element("pre", {}, said(value))) : "");
  return table([...(withId ? ["document"] : []), "step", "about", "kind", "message", "reply"], problems.map((r) =>
    [...(withId ? [link(said(r.id))] : []), r.step, r.subject, r.kind, r.message, raw(r.raw)]));
}

function costTable(ledger) {
  const round = (value, per) => count(Math.round(10 * (value || 0) / per) / 10);
  const row = (name, spent, per = 1) => [
    name, round(spent.calls, per), round(spent.cache_hits, per), round(spent.prompt_tokens, per),
    spent.prompt_tokens ? `${Math.round(100 * (spent.cached_tokens || 0) / spent.prompt_tokens)} %` : "–",
    round(spent.completion_tokens, per), round(spent.seconds, per),
  ];
  const body = [...Object.entries(ledger.steps || {}).map(([name, spent]) => row(name, spent)), row("all steps", ledger)];
  if (ledger.documents) body.push(row("per document", ledger, ledger.documents));
  return table(["step", "calls", "from reply cache", "prompt tokens", "of these from prefix cache", "new tokens", "seconds"], body);
}

/** Whatever has an F1 or an interval among scores of any task, as shares: [{name, values: {figure: {value, low, high}}, counts}]. */
function figuresOf(scores, path = [], scale = (scores && scores.scale) || 1) {
  if (!scores || typeof scores !== "object" || path.length > 3) return [];
  const named = (keys) => keys.filter((key) => key !== "evaluators" && key !== "micro").join(" ").replaceAll("_", " ");
  const share = (figure) => Object.fromEntries(["value", "low", "high"].filter((key) => isNumber(figure[key])).map((key) => [key, figure[key] / scale]));
  const interval = scores.interval || {};
  if (isNumber(scores.f1)) {
    const values = ["precision", "recall", "f1"].filter((key) => isNumber(scores[key])).map((key) => [key, share({ ...interval[key], value: scores[key] })]);
    return [{ name: named(path), values, counts: scores }];
  }
  if (isNumber(scores.value)) return [{ name: named(path), values: [["value", share(scores)]], counts: {} }];
  const means = Object.keys(interval).filter((key) => isNumber(scores[key])).map((key) => ({ name: named([...path, key]), values: [["value", share({ ...interval[key], value: scores[key] })]], counts: {} }));
  const others = Object.entries(scores).filter(([key]) => !/^(by_type|macro|interval|errors)/.test(key)).flatMap(([key, value]) => figuresOf(value, [...path, key], scale));
  return [...means, ...others];
}

function scoreTitle(figures) {
  const [key, figure] = figures[0].values.at(-1);
  return `Scores against the annotation: ${figures[0].name}${key === "f1" ? " F1" : ""} ${percent(figure.value)}${isNumber(figure.low) ? ` (${percent(figure.low)}–${percent(figure.high)})` : ""}`;
}

function scoreCard({ name, values, counts }) {
  const label = (key) => ({ f1: "F1", value: "" }[key] ?? key);
  return element("div", { class: "score" }, element("h3", {}, name),
    ...values.flatMap(([key, figure]) => [element("span", {}, label(key)), bar(figure),
      element("span", { class: "figure" }, percent(figure.value), isNumber(figure.low) ? element("small", {}, ` ${percent(figure.low)}–${percent(figure.high)}`) : null)]),
    isNumber(counts.tp) ? element("p", { class: "quiet" }, `${count(counts.tp)} right · ${count(counts.fp)} wrong · ${count(counts.fn)} missed`) : null);
}

/** A bar from 0 to 1 with its interval as a whisker. */
function bar({ value, low, high }) {
  const at = (x) => 100 * Math.min(1, Math.max(0, x));
  const svg = svgElement("svg", { viewBox: "0 0 100 12", preserveAspectRatio: "none", class: "bar-plot", "aria-hidden": "true" });
  svg.append(svgElement("rect", { x: 0, y: 3, width: 100, height: 6, class: "axis" }), svgElement("rect", { x: 0, y: 3, width: at(value), height: 6, class: "value" }));
  if (isNumber(low) && isNumber(high)) {
    svg.append(svgElement("path", { d: `M ${at(low)} 6 H ${at(high)} M ${at(low)} 2 V 10 M ${at(high)} 2 V 10`, class: "whisker" }));
  }
  return svg;
}
