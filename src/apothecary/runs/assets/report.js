"use strict";
/* The page: filters, documents, relation cards, gold comparison, keys. Drawing is in render.js. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const list = (value) => (Array.isArray(value) ? value : []);
const percent = (value) => (typeof value === "number" ? (100 * value).toFixed(1) : "-");
const number = (value) => (typeof value === "number" ? value.toLocaleString("en") : "-");
const TYPES = [...new Set(DATA.documents.flatMap((d) => list(d.mentions).map((m) => m.type)))].sort();
const RELATION_TYPES = [...new Set(DATA.documents.flatMap((d) => list(d.relations).map((r) => r.type)))].sort();
const ERRORS = new Map();
DATA.errors.forEach((row) => ERRORS.set(row.id, [...(ERRORS.get(row.id) || []), row]));

const state = { visible: [], record: null, relation: -1, all: true, pinned: null, parts: new Map() };

function table(headings, rows) {
  const head = element("tr", {}, ...headings.map((h) => element("th", { scope: "col" }, h)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell instanceof Node ? cell : String(cell)))));
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function folded(title, rows, content) {
  return rows.length ? element("details", {}, element("summary", {}, `${title} (${rows.length})`), content(rows)) : null;
}

/* --- the head of the page --- */

function showHead() {
  const { manifest, counts, ledger } = DATA;
  const identity = manifest.identity || {};
  const engines = [...new Set(Object.values(identity.engines || {}).map((e) => e.name))].join(", ");
  $("status").textContent = manifest.status || "unknown";
  $("status").classList.add(manifest.status === "complete" ? "good" : "bad");
  $("about").textContent = [manifest.task && `Task ${manifest.task}`, engines && `engine ${engines}`, manifest.started]
    .filter(Boolean).join(" · ");
  for (const [name, value] of Object.entries(counts)) {
    $("counts").append(element("div", {}, element("dt", {}, name), element("dd", {}, number(value))));
  }
  const left = counts.documents - DATA.documents.length;
  if (left > 0) {
    $("shown").hidden = false;
    $("shown").textContent = `Shown are the first ${DATA.documents.length} documents; ${number(left)} more are in predictions.jsonl.`;
  }
  showCost(ledger);
  showScores(DATA.scores);
  const settings = JSON.stringify({ ...identity, inputs: manifest.inputs, started: manifest.started, finished: manifest.finished, platform: manifest.platform, python: manifest.python }, null, 2);
  $("origin").lastElementChild.append(element("pre", {}, settings));
}

function showCost(ledger) {
  const row = (name, spent, per = 1) => [
    name, number(Math.round(10 * (spent.calls || 0) / per) / 10), number(Math.round(10 * (spent.cache_hits || 0) / per) / 10),
    number(Math.round((spent.prompt_tokens || 0) / per)),
    spent.prompt_tokens ? `${Math.round(100 * spent.cached_tokens / spent.prompt_tokens)} %` : "-",
    number(Math.round((spent.completion_tokens || 0) / per)), ((spent.seconds || 0) / per).toFixed(1),
  ];
  const rows = Object.entries(ledger.steps || {}).map(([name, spent]) => row(name, spent));
  rows.push(row("all", ledger));
  if (ledger.documents) rows.push(row("per document", ledger, ledger.documents));
  $("cost").lastElementChild.append(table(["step", "calls", "cached replies", "prompt tokens", "from prefix cache", "new tokens", "seconds"], rows));
}

function microFigures(scores) {
  if (!scores) return [];
  const parts = scores.evaluators || Object.fromEntries(Object.entries(scores).filter(([, v]) => v && v.micro));
  return Object.entries(parts).map(([name, value]) => [name, value.micro || {}]);
}

function showScores(scores) {
  const figures = microFigures(scores);
  if (!figures.length) return;
  $("scores").hidden = false;
  $("scores").open = true;
  const rows = figures.map(([name, micro]) => [
    name, percent(micro.precision), percent(micro.recall), percent(micro.f1), whisker(micro),
    number(micro.tp), number(micro.fp), number(micro.fn),
  ]);
  $("scores").lastElementChild.append(
    table(["", "precision", "recall", "F1", "0 to 100, 95 % interval", "right", "wrong", "missed"], rows));
}

/** F1 as a dot with its interval, on a scale from 0 to 1. */
function whisker(micro) {
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  const interval = (micro.interval || {}).f1;
  svg.setAttribute("viewBox", "0 0 120 16");
  svg.setAttribute("class", "whisker");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", interval ? `${percent(interval.low)} to ${percent(interval.high)}` : percent(micro.f1));
  const add = (kind, attributes) => {
    const node = document.createElementNS(name, kind);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    svg.append(node);
  };
  add("line", { x1: 4, x2: 116, y1: 8, y2: 8, class: "axis" });
  if (interval) add("line", { x1: 4 + 112 * interval.low, x2: 4 + 112 * interval.high, y1: 8, y2: 8, class: "interval" });
  add("circle", { cx: 4 + 112 * (micro.f1 || 0), cy: 8, r: 3.5, class: "dot" });
  return svg;
}

/* --- the list of documents --- */

function matches(record) {
  const wanted = $("filter").value.trim().toLowerCase();
  const relations = list(record.relations);
  const least = Number($("confidence").value) || 0;
  const kind = $("relation-type").value;
  const sure = relations.filter((r) => (!kind || r.type === kind) && (r.confidence === undefined || r.confidence >= least));
  return (!wanted || `${record.id}\n${record.text || ""}`.toLowerCase().includes(wanted))
    && (!$("mention-type").value || list(record.mentions).some((m) => m.type === $("mention-type").value))
    && (!kind || sure.length > 0) && (least === 0 || sure.length > 0)
    && (!$("with-relations").checked || relations.length > 0)
    && (!$("with-problems").checked || ERRORS.has(record.id) || list(record.incomplete).length > 0);
}

function showList() {
  state.visible = DATA.documents.filter(matches);
  $("matches").textContent = `${state.visible.length} of ${DATA.documents.length} documents`;
  $("list").replaceChildren(...state.visible.map((record) => {
    const title = Array.from((record.text || "").trim()).slice(0, 90).join("");
    const tags = [`${list(record.relations).length} relations`];
    if (ERRORS.has(record.id)) tags.push(`${ERRORS.get(record.id).length} problems`);
    const link = element("a", { href: `#doc=${encodeURIComponent(record.id)}`, "data-id": record.id },
      element("strong", {}, record.id), element("span", {}, title), element("small", {}, tags.join(" · ")));
    return element("li", {}, link);
  }));
  markCurrent();
}

function markCurrent() {
  document.querySelectorAll("#list a").forEach((link) => {
    const current = state.record && link.dataset.id === state.record.id;
    link.toggleAttribute("aria-current", Boolean(current));
    // Only the list may scroll, not the page.
    if (current) $("list").scrollTop = link.parentNode.offsetTop - $("list").offsetTop - 40;
  });
}

function move(step) {
  const place = state.visible.indexOf(state.record);
  const next = state.visible[Math.min(state.visible.length - 1, Math.max(0, place + step))];
  if (next) location.hash = `doc=${encodeURIComponent(next.id)}`;
}

/* --- one document --- */

function conceptOf(record, id) {
  return list(record.concepts).find((concept) => concept.id === id);
}

function nameOf(record, id) {
  const concept = conceptOf(record, id);
  return concept && list(concept.names).length ? concept.names[0] : id;
}

function mentionLabel(record, index) {
  const mention = record.mentions[index];
  const concept = list(record.concepts).find((c) => list(c.mentions).includes(index));
  const names = concept ? concept.names.join(", ") : mention.text;
  return [`${mention.type}: ${names}`, list(mention.ids).join(" "), mention.alignment && `found: ${mention.alignment}`]
    .filter(Boolean).join(" · ");
}

function showDocument() {
  const id = decodeURIComponent((location.hash.match(/^#doc=(.*)$/) || [])[1] || "");
  const record = DATA.documents.find((d) => String(d.id) === id) || state.visible[0] || DATA.documents[0];
  if (!record) {
    $("document-title").textContent = "No documents";
    return;
  }
  Object.assign(state, { record, relation: -1, pinned: null });
  $("document-title").textContent = `Document ${record.id}`;
  $("body").replaceChildren();
  state.parts = renderText($("body"), record, TYPES, (index) => mentionLabel(record, index));
  $("legend").replaceChildren(...TYPES.map((type) => element("span", { class: "key" }, element("mark", { class: typeClass(TYPES, type) }, type))));
  showSide(record);
  showDetails(record);
  markCurrent();
  redraw();
}

/** Gold pairs of a document: type, names of both sides; and whether a predicted relation is among them. */
function goldRelations(record) {
  const gold = DATA.gold[record.id];
  if (!gold) return null;
  const names = new Map(list(gold.concepts).map((c) => [c.id, new Set([...list(c.names), ...list(c.ids)].map((n) => n.toLowerCase()))]));
  return list(gold.relations).map((r) => ({
    type: r.type, ids: list(r.arguments).map((a) => a.concept), names: list(r.arguments).map((a) => names.get(a.concept) || new Set()),
  }));
}

function fits(record, relation, gold) {
  const sides = list(relation.arguments).map((a) => {
    const concept = conceptOf(record, a.concept) || {};
    return [...list(concept.names), ...list(concept.ids)].map((n) => n.toLowerCase());
  });
  return gold.type === relation.type && sides.length === gold.names.length
    && sides.every((side, i) => side.some((name) => gold.names[i].has(name)));
}

function showSide(record) {
  const gold = goldRelations(record);
  const relations = list(record.relations);
  const cards = relations.map((relation, index) => relationCard(record, relation, index, gold));
  const missed = gold ? gold.filter((g) => !relations.some((r) => fits(record, r, g))) : [];
  const goldRecord = DATA.gold[record.id] || {};
  $("side").replaceChildren(
    element("h2", {}, `Relations (${relations.length})`),
    relations.length ? element("label", { class: "check" }, element("input", { id: "all-arcs", type: "checkbox", checked: state.all }), " all arcs") : null,
    ...cards,
    relations.length ? null : element("p", { class: "quiet" }, "None was found."),
    missed.length ? element("h3", {}, `In the annotation, not found (${missed.length})`) : null,
    missed.length ? element("ul", { class: "missed" }, ...missed.map((g) => element("li", {}, `${g.type}: ${g.ids.map((id) => nameOf(goldRecord, id)).join(" → ")}`))) : null,
    element("h2", {}, `Concepts (${list(record.concepts).length})`),
    element("ul", { class: "concepts" }, ...list(record.concepts).map((concept) => conceptChip(record, concept))),
  );
  const box = $("all-arcs");
  if (box) box.addEventListener("change", () => { state.all = box.checked; redraw(); });
}

function relationCard(record, relation, index, gold) {
  const facts = [];
  if (typeof relation.confidence === "number") facts.push(`confidence ${relation.confidence.toFixed(2)}`);
  const origin = relation.origin || {};
  if (typeof origin.log_odds === "number") facts.push(`log-odds ${origin.log_odds.toFixed(2)}`);
  if (list(origin.scenarios).length) facts.push(`scenario ${origin.scenarios.join(", ")}`);
  if (origin.answer) facts.push(`answer "${origin.answer}"`);
  const status = relation.status || {};
  facts.push(...[status.polarity, status.setting].filter((value) => value && value !== "unknown"));
  const verdict = gold ? gold.some((g) => fits(record, relation, g)) : null;
  const card = element("div", { class: "card", tabindex: 0, role: "button", "data-relation": index, "aria-pressed": "false" },
    element("div", { class: "bar" }, element("strong", {}, relation.type),
      verdict === null ? null : element("span", { class: `badge ${verdict ? "good" : "bad"}` }, verdict ? "in the annotation" : "not in the annotation")),
    element("dl", { class: "roles" }, ...list(relation.arguments).flatMap((a) => [
      element("dt", {}, a.role), element("dd", {}, nameOf(record, a.concept))])),
    element("p", { class: "quiet" }, facts.join(" · ")),
    ...list(relation.evidence).map((e) => element("blockquote", {}, e.quote)));
  const choose = () => chooseRelation(state.relation === index ? -1 : index);
  card.addEventListener("click", choose);
  card.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(); });
  return card;
}

function conceptChip(record, concept) {
  const broader = list(concept.broader_than).map((id) => nameOf(record, id));
  const chip = element("li", { "data-concept": concept.id },
    element("span", { class: typeClass(TYPES, concept.type) }, concept.type), " ", list(concept.names).join(", "),
    list(concept.ids).length ? element("small", {}, ` ${concept.ids.join(" ")}`) : null,
    broader.length ? element("small", {}, ` broader than ${broader.join(", ")}`) : null);
  chip.addEventListener("mouseenter", () => light(list(concept.mentions)));
  chip.addEventListener("mouseleave", () => light(state.pinned));
  return chip;
}

function showDetails(record) {
  const pair = (row) => `${nameOf(record, row.head)} → ${nameOf(record, row.tail)}`;
  const odds = (value) => (typeof value === "number" ? value.toFixed(2) : "-");
  const rejected = list(record.candidates).filter((row) => !list(row.relations).length);
  $("details").replaceChildren(...[
    folded("Problems", ERRORS.get(record.id) || [], (rows) => table(["step", "about", "kind", "message", "reply"],
      rows.map((r) => [r.step, r.subject || "", r.kind, r.message, element("code", {}, r.raw || "")]))),
    folded("Names that are not in the text", list(record.unlocated), (rows) => table(["name", "type", "why"], rows.map((r) => [r.text, r.type, r.reason]))),
    folded("Conflicts", list(record.conflicts), (rows) => table(["kind", "what"], rows.map((r) => [r.kind, r.text]))),
    folded("Pairs asked about and not accepted", rejected, (rows) => table(["pair", "relation", "answer", "log-odds"],
      rows.map((r) => [pair(r), r.relation || r.template, r.answer ?? "-", odds(r.log_odds)]))),
    folded("Names compared", list(record.names), (rows) => table(["first", "", "second", "type"],
      rows.map((r) => [r.first, r.taken || r.answer, r.second, r.type]))),
    folded("Repairs of replies", list(record.repairs), (rows) => table(["step", "repair"], rows.map((r) => [r.step, r.repair]))),
  ].filter(Boolean));
}

/* --- choosing, lighting up, arcs --- */

function links(record) {
  return list(record.relations).flatMap((relation, index) => {
    if (!state.all && index !== state.relation) return [];
    const concepts = list(relation.arguments).map((a) => conceptOf(record, a.concept)).filter(Boolean);
    return concepts.slice(1).map((concept, i) => {
      // Two arguments: from head to tail. More: a chain, so that an n-ary relation is one line.
      const near = nearestMentions(record, concepts[i], concept);
      return near && { from: near[0], to: near[1], label: relation.type, strong: index === state.relation };
    }).filter(Boolean);
  });
}

function redraw() {
  if (state.record) drawArcs($("arcs"), $("text"), state.parts, links(state.record));
}

function chooseRelation(index) {
  state.relation = index;
  const record = state.record;
  const relation = list(record.relations)[index];
  document.querySelectorAll(".card").forEach((card) => card.setAttribute("aria-pressed", String(Number(card.dataset.relation) === index)));
  document.querySelectorAll(".piece").forEach((piece) => {
    const inside = relation && list(relation.evidence).some((e) => e.start <= Number(piece.dataset.start) && Number(piece.dataset.end) <= e.end);
    piece.classList.toggle("evidence", Boolean(inside));
  });
  light(relation ? list(relation.arguments).flatMap((a) => list((conceptOf(record, a.concept) || {}).mentions)) : null);
  const first = document.querySelector(".evidence");
  if (first) first.scrollIntoView({ block: "nearest" });
  redraw();
}

/** Light up mentions and dim nothing; null puts all out. */
function light(indexes) {
  const wanted = new Set(indexes || []);
  document.querySelectorAll("#body mark").forEach((mark) => mark.classList.toggle("lit", wanted.has(Number(mark.dataset.mention))));
}

function relatives(index) {
  const concept = list(state.record.concepts).find((c) => list(c.mentions).includes(index));
  return concept ? concept.mentions : [index];
}

function onMention(event) {
  const mark = event.target.closest && event.target.closest("#body mark");
  if (!mark) return;
  const indexes = relatives(Number(mark.dataset.mention));
  if (event.type === "click" || event.key === "Enter") state.pinned = state.pinned ? null : indexes;
  if (event.type !== "keydown" || event.key === "Enter") light(event.type === "mouseout" || event.type === "focusout" ? state.pinned : indexes);
}

function onKey(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape") { event.target.blur(); state.pinned = null; chooseRelation(-1); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const relations = list(state.record && state.record.relations).length;
  const keys = {
    j: () => move(1), k: () => move(-1),
    n: () => relations && chooseRelation((state.relation + 1) % relations),
    p: () => relations && chooseRelation((state.relation + relations - (state.relation < 0 ? 0 : 1)) % relations),
    a: () => { state.all = !state.all; if ($("all-arcs")) $("all-arcs").checked = state.all; redraw(); },
    "/": () => { $("filters").open = true; $("filter").focus(); }, "?": () => $("help").showModal(),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
}

function start() {
  showHead();
  TYPES.forEach((type) => $("mention-type").append(element("option", {}, type)));
  RELATION_TYPES.forEach((type) => $("relation-type").append(element("option", {}, type)));
  if (matchMedia("(max-width: 760px)").matches) $("filters").open = false;
  ["filter", "mention-type", "relation-type", "confidence", "with-relations", "with-problems"]
    .forEach((id) => $(id).addEventListener("input", showList));
  $("previous").addEventListener("click", () => move(-1));
  $("next").addEventListener("click", () => move(1));
  $("help-button").addEventListener("click", () => $("help").showModal());
  ["mouseover", "mouseout", "focusin", "focusout", "click", "keydown"].forEach((name) => $("body").addEventListener(name, onMention));
  addEventListener("keydown", onKey);
  addEventListener("hashchange", showDocument);
  addEventListener("resize", redraw);
  showList();
  showDocument();
  const root = document.documentElement;
  root.dataset.overflow = String(Math.max(0, root.scrollWidth - root.clientWidth));
  root.dataset.ready = "true";
}

start();
