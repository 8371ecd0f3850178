"use strict";
/* The page: filters, documents, relation cards, comparison with gold, keys. Drawing is in render.js, the head of
   the page in head.js. */

/* --- the list of documents --- */

const hashOf = (id) => `#doc=${encodeURIComponent(id)}`;
const least = () => Number($("confidence").value) || 0;

/** Does a relation pass the filters? One without a confidence does. */
function passes(relation) {
  const kind = $("relation-type").value;
  return (!kind || relation.type === kind) && (!isNumber(relation.confidence) || relation.confidence >= least());
}

function searchText(record) {
  if (!searchable.has(record)) {
    const sides = record.relations.flatMap((r) => [r.head, r.tail]).filter(Boolean).flatMap((s) => [...texts(s.texts), ...texts(s.ids)]);
    const named = record.concepts.flatMap((c) => [...c.names, ...c.ids]);
    searchable.set(record, [record.id, record.text, ...named, ...sides, ...record.mentions.flatMap((m) => m.ids)].join("\n").toLowerCase());
  }
  return searchable.get(record);
}

function matches(record) {
  const wanted = $("filter").value.trim().toLowerCase();
  const kind = $("mention-type").value;
  const about = $("with-relations").checked || $("relation-type").value || least() > 0;
  return (!wanted || searchText(record).includes(wanted))
    && (!kind || record.mentions.some((m) => m.type === kind))
    && (!about || record.relations.some(passes))
    && (!$("with-problems").checked || PROBLEMS.has(record.id) || list(record.incomplete).length > 0);
}

function showList() {
  state.visible = DOCUMENTS.filter(matches);
  $("matches").textContent = `${count(state.visible.length)} of ${plural(DOCUMENTS.length, "document")}`;
  $("list").replaceChildren(...state.visible.map((record) => {
    const problems = (PROBLEMS.get(record.id) || []).length;
    return element("li", {}, element("a", { href: hashOf(record.id), "data-id": record.id },
      element("strong", {}, record.id || "without id"), element("span", {}, Array.from(record.text.trim()).slice(0, 90).join("")),
      element("small", {}, plural(record.relations.length, "relation"), problems ? element("em", {}, ` · ${plural(problems, "problem")}`) : null)));
  }));
  markCurrent();
}

function markCurrent() {
  const place = state.visible.indexOf(state.record);
  $("place").textContent = place < 0 ? "" : `${place + 1} of ${state.visible.length}`;
  $("previous").disabled = place <= 0;
  $("next").disabled = place === state.visible.length - 1;
  document.querySelectorAll("#list a").forEach((link) => {
    const current = Boolean(state.record) && link.dataset.id === state.record.id;
    if (current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    // Only the list may scroll, not the page.
    if (current) $("list").scrollTop = link.parentNode.offsetTop - $("list").offsetTop - 40;
  });
}

function move(step) {
  const place = state.visible.indexOf(state.record);
  const next = state.visible[Math.min(state.visible.length - 1, Math.max(0, place + step))];
  if (next) location.hash = hashOf(next.id);
}

/* --- one document --- */

const conceptOf = (record, id) => record.concepts.find((concept) => concept.id === said(id));
const nameOf = (record, id) => (conceptOf(record, id) || { names: [] }).names[0] || said(id) || "?";

function mentionLabel(record, index) {
  const mention = record.mentions[index];
  const concept = record.concepts.find((c) => c.mentions.includes(index));
  const others = concept ? concept.names.filter((name) => name !== mention.text) : [];
  return [
    `${said(mention.text)} (${mention.type || "no type"})`, others.length && `also ${others.join(", ")}`, mention.ids.join(" "),
    mention.alignment && `found: ${said(mention.alignment)}`, isNumber(mention.confidence) && `confidence ${decimals(mention.confidence)}`,
  ].filter(Boolean).join(" · ");
}

/** The document that the address asks for; the first one when it asks for none. */
function wanted() {
  const found = location.hash.match(/^#doc=(.*)$/);
  if (!found) return state.record || state.visible[0] || DOCUMENTS[0];
  let id = found[1];
  try { id = decodeURIComponent(id); } catch { /* A hand-made address: taken as it is. */ }
  const record = DOCUMENTS.find((d) => d.id === id);
  if (!record) $("live").textContent = `Document ${id} is not on this page.`;
  return record || state.record || state.visible[0] || DOCUMENTS[0];
}

function showDocument() {
  const record = wanted();
  if (!record || record === state.record) {
    if (!record) { $("document-title").textContent = "No documents"; $("previous").disabled = $("next").disabled = true; }
    return;
  }
  if (state.view) state.view.remove();
  Object.assign(state, { record, relation: -1, pinned: null });
  $("document-title").replaceChildren(element("span", { class: "word" }, "Document "), record.id || "without id");
  state.view = renderDocument($("text"), record, { types: TYPES, label: (index) => mentionLabel(record, index), onMention });
  $("text").hidden = !record.text;
  const types = TYPES.filter((type) => record.mentions.some((m) => m.type === type));
  $("legend").replaceChildren(...types.map((type) => element("span", { class: "key" }, element("span", { class: typeClass(TYPES, type) }, type || "no type"))));
  showReasoning(record);
  showSide();
  showConcepts(record);
  showDetails(record);
  markCurrent();
  $("live").textContent = `Document ${record.id}, ${plural(record.relations.length, "relation")}`;
}

/* --- relations --- */

/** Who takes part: [{role, concept, names, ids, broader}], from arguments, or from head and tail where there are none. */
function participants(record, relation) {
  const side = (role) => relation[role] || {};
  if (rows(relation.arguments).length) {
    return relation.arguments.map((a) => {
      const concept = conceptOf(record, a.concept) || { names: texts(side(a.role).texts), ids: texts(side(a.role).ids) };
      return { role: said(a.role), concept: conceptOf(record, a.concept), names: concept.names, ids: concept.ids, id: said(a.concept), broader: side(a.role).broader };
    });
  }
  return ["head", "tail"].filter((role) => relation[role]).map((role) =>
    ({ role, names: texts(side(role).texts), ids: texts(side(role).ids), id: "", broader: side(role).broader }));
}

const keysOf = (side) => [...side.names, ...side.ids].map((name) => name.toLowerCase().replace(/^mesh:/, ""));

/** The annotation of a document: relations with their sides, and every name that it knows. Null: there is none. */
function goldOf(record) {
  if (!Object.hasOwn(DATA.gold, record.id)) return null;
  const gold = tidy(DATA.gold[record.id]);
  const relations = gold.relations.map((relation) => ({ type: relation.type, sides: participants(gold, relation).map((side) => ({ ...side, keys: new Set(keysOf(side)) })) }));
  return { relations, known: new Set(gold.concepts.flatMap(keysOf)) };
}

/** Do they agree? Same type, and each side of gold finds a side of its own that shares its role and a name or id. */
function fits(type, sides, gold) {
  if (gold.type !== type || gold.sides.length !== sides.length) return false;
  const free = [...sides];
  return gold.sides.every((goldSide) => {
    const place = free.findIndex((side) => side.role === goldSide.role && keysOf(side).some((key) => goldSide.keys.has(key)));
    if (place >= 0) free.splice(place, 1);
    return place >= 0;
  });
}

function verdictOf(record, relation, gold) {
  const sides = participants(record, relation);
  if (gold.relations.some((g) => fits(relation.type, sides, g))) return ["good", "in the annotation"];
  const strange = sides.some((side) => !keysOf(side).some((key) => gold.known.has(key)));
  return strange ? ["quiet", "not comparable", "A concept of it has no counterpart in the annotation."] : ["bad", "not in the annotation"];
}

function showSide() {
  const { record } = state;
  const gold = goldOf(record);
  const shown = record.relations.map((relation, index) => [relation, index]).filter(([relation]) => passes(relation));
  const hidden = record.relations.length - shown.length;
  const all = element("input", { id: "all-arcs", type: "checkbox" });
  all.checked = state.all;
  all.addEventListener("change", () => { state.all = all.checked; showArcs(); });
  const missed = gold ? gold.relations.filter((g) => !record.relations.some((r) => fits(r.type, participants(record, r), g))) : [];
  $("side").replaceChildren(...[
    element("div", { class: "bar" }, element("h2", {}, `Relations (${shown.length})`), shown.length ? element("label", { class: "check" }, all, " all arcs") : null),
    hidden ? element("p", { class: "quiet" }, `The filter hides ${plural(hidden, "relation")} of this document.`) : null,
    ...shown.map(([relation, index]) => relationCard(record, relation, index, gold)),
    record.relations.length ? null : element("p", { class: "quiet" }, "None was found."),
    missed.length ? element("h3", {}, `In the annotation, not found (${missed.length})`) : null,
    missed.length ? element("ul", { class: "missed" }, ...missed.map((g) => element("li", {}, `${g.type}: ${g.sides.map((side) => side.names[0] || side.id).join(" → ")}`))) : null,
  ].filter(Boolean));
  showArcs();
}

function relationCard(record, relation, index, gold) {
  const { origin, status } = relation;
  // A pair that was given is no finding: what is compared then are its conditions.
  const [kind, verdict, why] = gold && !goldConditions(record) ? verdictOf(record, relation, gold) : [];
  const facts = [
    isNumber(relation.confidence) && `confidence ${decimals(relation.confidence)}`, isNumber(origin.log_odds) && `log-odds ${decimals(origin.log_odds)}`,
    ...[status.polarity, status.setting].filter((value) => value && value !== "unknown").map(said),
    list(origin.scenarios).length && `scenario ${texts(origin.scenarios).join(", ")}`, said(origin.answer) && `raw answer “${said(origin.answer)}”`,
    ...Object.entries(relation.attributes || {}).map(([key, value]) => `${key} ${said(value)}`),
  ].filter(Boolean);
  const roles = participants(record, relation).flatMap((side) => [element("dt", {}, side.role),
    element("dd", {}, side.names[0] || side.id || "?", side.ids.length ? element("small", {}, ` ${side.ids.join(" ")}`) : null, side.broader ? element("small", {}, " broader term") : null)]);
  const choose = () => chooseRelation(state.relation === index ? -1 : index);
  const card = element("article", { class: "card", "data-relation": index },
    button({ class: "choose bar", "aria-pressed": "false" }, choose, element("strong", {}, relation.type || "no type"), verdict ? element("span", { class: `badge ${kind}`, title: why }, verdict) : null),
    element("dl", { class: "roles" }, ...roles),
    element("p", { class: "quiet" }, facts.join(" · ")),
    ...conditionRows(record, relation, (c) => { chooseRelation(index); state.view.showEvidence([[c.start, c.end]], "center"); }),
    ...relation.evidence.map((e) => button({ class: "quote", title: "Show it in the text" }, () => { chooseRelation(index); state.view.showEvidence([[e.start, e.end]], "center"); }, said(e.quote))));
  card.addEventListener("click", (event) => { if (!event.target.closest("button")) choose(); });
  return card;
}

/** The two mentions of two concepts that stand nearest to each other: [index, index], or null. */
function nearestMentions(record, one, other) {
  const pairs = one.mentions.flatMap((a) => other.mentions.map((b) => [a, b])).filter(([a, b]) => a !== b && record.mentions[a] && record.mentions[b]);
  const distance = ([a, b]) => Math.abs(record.mentions[a].start - record.mentions[b].start);
  return pairs.reduce((best, pair) => (best && distance(best) <= distance(pair) ? best : pair), null);
}

function linksOf(record, relation, index) {
  const sides = participants(record, relation).filter((side) => side.concept);
  const directed = sides.length === 2 && sides[0].role !== sides[1].role;
  // More than two arguments: a chain, so that an n-ary relation is one line.
  return sides.slice(1).map((side, i) => nearestMentions(record, sides[i].concept, side.concept)).filter(Boolean)
    .map(([from, to]) => ({ from, to, directed, label: relation.type, kind: RELATION_TYPES.indexOf(relation.type), strong: index === state.relation }));
}

function showArcs() {
  const { record, relation: chosen } = state;
  $("text").classList.toggle("chosen", chosen >= 0);
  state.view.drawArcs(record.relations.flatMap((relation, index) => (index === chosen || (state.all && passes(relation)) ? linksOf(record, relation, index) : [])));
}

function chooseRelation(index) {
  const { record, view } = state;
  if (!record) return;
  state.relation = index;
  const relation = record.relations[index];
  document.querySelectorAll(".card").forEach((card) => {
    const on = Number(card.dataset.relation) === index;
    card.querySelector(".choose").setAttribute("aria-pressed", String(on));
    card.classList.toggle("on", on);
    // Beside the text, not below it: the card can be brought into view without losing the text.
    if (on && matchMedia("(min-width: 1101px)").matches) card.scrollIntoView({ block: "nearest" });
  });
  view.highlight(relation ? participants(record, relation).flatMap((side) => (side.concept ? side.concept.mentions : [])) : state.pinned || []);
  const limits = relation ? record.conditions.filter((c) => c.relation === said(relation.id)) : [];
  view.showEvidence(relation ? [...relation.evidence, ...limits].map((e) => [e.start, e.end]) : [], "nearest");
  showArcs();
}

function stepRelation(step) {
  const shown = state.record ? state.record.relations.map((_, index) => index).filter((index) => passes(state.record.relations[index])) : [];
  const place = shown.indexOf(state.relation);
  if (shown.length) chooseRelation(shown[place < 0 ? (step > 0 ? 0 : shown.length - 1) : (place + step + shown.length) % shown.length]);
}

/* --- reasoning --- */

/** The sections of a chain as [heading, text], by the lines of it that head them; else the whole under no heading. */
function headed(chain) {
  const sections = Object.entries(chain.sections && typeof chain.sections === "object" ? chain.sections : {});
  if (!sections.length) return [["", said(chain.think)]];
  const lines = said(chain.think).split("\n");
  const places = sections.map(([key]) => lines.findIndex((line) => line.trimStart().startsWith(`[${key}]`)));
  const first = Math.min(...places.filter((place) => place >= 0));
  const before = Number.isFinite(first) ? lines.slice(0, first).join("\n").trim() : "";
  return [...(before ? [["", before]] : []), ...sections.map(([key, text], i) => [places[i] < 0 ? key : lines[places[i]].trim(), said(text)])];
}

/** What was thought about each sentence, folded under it. The sentences of open ones are marked in the text. */
function showReasoning(record) {
  const points = Array.from(record.text);
  const chains = record.reasoning.map((chain) => {
    const [place] = spansOf(chain, points.length);
    const quote = points.slice(...(place || [0, 300])).join("");
    const box = element("details", { class: "chain" }, element("summary", {}, quote || "without a sentence"),
      ...headed(chain).flatMap(([heading, text]) => [heading ? element("h3", {}, heading) : null, element("p", {}, text)]));
    box.addEventListener("toggle", () => {
      if (record === state.record) state.view.showEvidence(record.reasoning.filter((_, i) => chains[i].open).map((each) => [each.start, each.end]));
    });
    return box;
  });
  $("reasoning").replaceChildren(...(chains.length ? [element("h2", {}, `Reasoning (${chains.length})`), ...chains] : []));
}

/* --- concepts and what else is known of a document --- */

function showConcepts(record) {
  const narrower = new Map();
  record.concepts.forEach((c) => c.broader_than.forEach((id) => narrower.set(id, [...(narrower.get(id) || []), c.id])));
  const names = (ids) => ids.map((id) => nameOf(record, id)).join(", ");
  const chip = (concept) => {
    const [first, ...others] = concept.names;
    const facts = [
      plural(concept.mentions.length, "mention"), concept.ids.join(" "), concept.broader_than.length && `broader than ${names(concept.broader_than)}`,
      narrower.has(concept.id) && `narrower than ${names(narrower.get(concept.id))}`,
    ].filter(Boolean);
    const node = button({ class: "chip", "data-concept": concept.id, "aria-pressed": "false" }, () => pin(concept.mentions),
      element("span", { class: typeClass(TYPES, concept.type) }, concept.type || "no type"), element("strong", {}, first || concept.id),
      others.length ? element("span", {}, others.join(" · ")) : null, element("small", {}, facts.join(" · ")));
    node.addEventListener("mouseenter", () => light(concept.mentions));
    node.addEventListener("mouseleave", () => light(null));
    return element("li", {}, node);
  };
  $("concepts").replaceChildren(element("h2", {}, `Concepts (${record.concepts.length})`), element("ul", {}, ...record.concepts.map(chip)));
}

function showDetails(record) {
  const section = (title, value, make) => (rows(value).length ? folded(`${title} (${rows(value).length})`, () => make(rows(value))) : null);
  const columns = (headings, keys) => (found) => table(headings, found.map((row) => keys.map((key) => row[key])));
  const rejected = rows(record.candidates).filter((row) => !list(row.relations).length);
  const incomplete = texts(record.incomplete);
  $("details").replaceChildren(...[
    incomplete.length ? element("p", { class: "notice" }, `Not everything was answered here. Steps with problems: ${incomplete.join(", ")}.`) : null,
    section("Problems", PROBLEMS.get(record.id), (found) => problemTable(found, false)),
    section("Names that are not in the text", record.unlocated, columns(["name", "type", "why"], ["text", "type", "reason"])),
    section("Conflicts", record.conflicts, columns(["kind", "what"], ["kind", "text"])),
    section("Candidates asked about and not accepted", rejected, (found) => table(["candidate", "question", "answer", "log-odds"],
      found.map((r) => [`${nameOf(record, r.head)} → ${nameOf(record, r.tail)}`, r.template || r.relation, r.answer, decimals(r.log_odds)]))),
    section("Names compared", record.names, (found) => table(["first", "", "second", "type"], found.map((r) => [r.first, r.taken || r.answer, r.second, r.type]))),
    section("Repairs of replies", record.repairs, columns(["step", "repair"], ["step", "repair"])),
  ].filter(Boolean));
}

/* --- lighting up, keys --- */

/** Light up mentions; null goes back to what is pinned or chosen. */
function light(indexes) {
  const relation = state.record.relations[state.relation];
  const chosen = relation ? participants(state.record, relation).flatMap((side) => (side.concept ? side.concept.mentions : [])) : [];
  state.view.highlight(indexes || state.pinned || chosen);
}

/** Keep a cluster lit, or let it go when it is the pinned one. */
function pin(indexes) {
  const same = state.pinned && indexes && said(state.pinned) === said(indexes);
  state.pinned = same ? null : indexes;
  document.querySelectorAll(".chip").forEach((chip) => {
    const concept = conceptOf(state.record, chip.dataset.concept);
    chip.setAttribute("aria-pressed", String(Boolean(state.pinned && concept && said(concept.mentions) === said(state.pinned))));
  });
  light(null);
}

function onMention(what, index) {
  const concept = state.record.concepts.find((c) => c.mentions.includes(index));
  const cluster = concept ? concept.mentions : [index];
  if (what === "hold") pin(cluster); else light(what === "enter" ? cluster : null);
}

function letGo(target) {
  if (target === $("filter") && target.value) { target.value = ""; showList(); return; }
  if (target !== document.body) target.blur();
  if (!state.record) return;
  pin(null);
  chooseRelation(-1);
}

function onKey(event) {
  if ($("help").open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { letGo(event.target); return; }
  if (event.target.matches("input:not([type=checkbox]), select")) return;
  const keys = {
    j: () => move(1), k: () => move(-1), ArrowRight: () => move(1), ArrowLeft: () => move(-1),
    n: () => stepRelation(1), p: () => stepRelation(-1),
    a: () => { if ($("all-arcs")) $("all-arcs").click(); },
    "/": () => { $("documents").open = true; $("filter").focus(); }, "?": () => $("help").showModal(),
  };
  // In a wide table the arrows scroll it.
  if (event.key.startsWith("Arrow") && event.target.closest(".scroll, pre")) return;
  if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
}

function start() {
  const phone = matchMedia("(max-width: 760px)").matches;
  // Without JavaScript they would be an empty shell.
  document.querySelector("main").hidden = $("help-button").hidden = false;
  $("documents").open = !phone;
  showHead();
  TYPES.forEach((type) => $("mention-type").append(element("option", { value: type }, type)));
  RELATION_TYPES.forEach((type) => $("relation-type").append(element("option", { value: type }, type)));
  ["filter", "mention-type", "relation-type", "confidence", "with-relations", "with-problems"]
    .forEach((id) => $(id).addEventListener("input", () => { showList(); if (state.record) showSide(); }));
  $("previous").addEventListener("click", () => move(-1));
  $("next").addEventListener("click", () => move(1));
  $("list").addEventListener("click", (event) => { if (phone && event.target.closest("a")) $("documents").open = false; });
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); $("document").focus(); });
  $("help-button").addEventListener("click", () => $("help").showModal());
  $("help-close").addEventListener("click", () => $("help").close());
  addEventListener("keydown", onKey);
  addEventListener("hashchange", showDocument);
  showList();
  showDocument();
}

/** What a test reads: ready, and by how much the page is wider than its window. */
function report() {
  const root = document.documentElement;
  root.dataset.overflow = String(Math.max(0, root.scrollWidth - root.clientWidth));
  root.dataset.ready = "true";
}

start();
report();
