"use strict";
/* Draws one document: its text with highlighted mentions, and arcs between them. Knows nothing of the
   page around it. Data only ever become text nodes and attribute values, never markup.

   renderDocument(container, record, { types, label, onMention }) returns a view:
     highlight(indexes)           light up mentions
     showEvidence(spans, scroll)  mark [start, end) stretches; scroll brings the first into view
     drawArcs(links)              links are {from, to, label, kind, strong, directed}, ends are mention indexes
     remove()                     stop watching the container's size */

const UNDERLINES = ["solid", "dashed", "dotted", "double", "wavy"];
const LANES = 4;
const NEAR = 8; // pixels between the tops of two boxes on one line
const LABEL_WIDTH = 8; // pixels a letter of an arc's label takes, with room to spare

/** A new element with attributes and children; what is null or false is left out. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function svgElement(name, attributes = {}) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** Classes of a mention type: its place among all types gives the colour and the underline. */
function typeClass(types, type) {
  const place = Math.max(0, types.indexOf(type));
  return `type type-${place % 6} line-${UNDERLINES[place % UNDERLINES.length]}`;
}

/** The stretches of a mention as [start, end] in code points; none when its offsets are unusable. */
function spansOf(mention, length) {
  const spans = Array.isArray(mention.spans) && mention.spans.length ? mention.spans : [[mention.start, mention.end]];
  const sound = ([a, b]) => Number.isInteger(a) && Number.isInteger(b) && a >= 0 && a < b && b <= length;
  return spans.every((span) => Array.isArray(span) && sound(span)) ? spans : [];
}

function renderDocument(container, record, options = {}) {
  const points = Array.from(record.text || "");
  const mentions = (record.mentions || []).map((mention) => ({ ...mention, spans: spansOf(mention, points.length) }));
  const settings = { types: [], label: (index) => String(mentions[index].type ?? ""), onMention: () => {}, ...options };
  const svg = svgElement("svg", { class: "arcs", "aria-hidden": "true" });
  const body = element("div", { class: "body" });
  const parts = fillText(body, record, points, mentions, settings);
  container.classList.add("rendered");
  container.replaceChildren(svg, body);
  let links = [];
  // A frame that was asked for may come after the view is gone: its marks then have no place.
  const draw = () => { if (body.isConnected) drawLinks(svg, container, parts, links); };
  const watcher = new ResizeObserver(() => requestAnimationFrame(draw));
  watcher.observe(container);
  for (const name of ["mouseover", "mouseout", "focusin", "focusout", "click", "keydown"]) {
    body.addEventListener(name, (event) => tellMention(event, settings.onMention));
  }
  return {
    highlight(indexes) {
      const wanted = new Set(indexes);
      parts.forEach((nodes, index) => nodes.forEach((node) => node.classList.toggle("lit", wanted.has(index))));
    },
    showEvidence(spans, scroll) {
      const inside = (piece) => spans.some(([a, b]) => a <= Number(piece.dataset.start) && Number(piece.dataset.end) <= b);
      const pieces = [...body.querySelectorAll(".piece")];
      pieces.forEach((piece) => piece.classList.toggle("evidence", inside(piece)));
      const first = pieces.find(inside);
      if (first && scroll) first.scrollIntoView({ block: scroll });
    },
    drawArcs(wanted) { links = wanted; draw(); },
    remove() { watcher.disconnect(); },
  };
}

/** Report what happens to a mention: "enter", "leave" or "hold" with its index. */
function tellMention(event, onMention) {
  const mark = event.target.closest("mark");
  if (!mark) return;
  const names = { mouseover: "enter", focusin: "enter", mouseout: "leave", focusout: "leave", click: "hold" };
  const pressed = event.type === "keydown" && (event.key === "Enter" || event.key === " ");
  if (event.type === "keydown" && !pressed) return;
  if (pressed) event.preventDefault();
  onMention(pressed ? "hold" : names[event.type], Number(mark.dataset.mention));
}

/** Put the text into the body, cut wherever something begins or ends. Returns index -> marks. */
function fillText(body, record, points, mentions, settings) {
  const passages = (record.passages || []).filter((p) => p.start < p.end);
  const evidence = [...(record.relations || []).flatMap((relation) => relation.evidence || []), ...(record.conditions || [])];
  const cuts = new Set([0, points.length]);
  for (const { start, end } of [...passages, ...evidence, ...(record.reasoning || [])]) cuts.add(start).add(end);
  for (const mention of mentions) mention.spans.forEach(([start, end]) => cuts.add(start).add(end));
  const order = [...cuts].filter((cut) => Number.isInteger(cut) && cut >= 0 && cut <= points.length).sort((a, b) => a - b);
  const covering = coverage(mentions, order);
  const lanes = lanesOf(mentions);
  const parts = new Map();
  let block = { passage: undefined, node: null };
  for (let i = 0; i + 1 < order.length; i += 1) {
    const [start, end] = [order[i], order[i + 1]];
    const passage = passages.find((p) => p.start <= start && end <= p.end) || null;
    if (block.passage !== passage) {
      block = { passage, node: element("p", { class: "passage" }) };
      if (passage && passage.section) block.node.append(element("span", { class: "section" }, String(passage.section)));
      body.append(block.node);
    }
    const piece = element("span", { class: "piece", "data-start": start, "data-end": end }, points.slice(start, end).join(""));
    // A blank between two passages is kept, without a paragraph's height.
    if (!passage && !piece.textContent.trim()) block.node.className = "gap";
    block.node.append(wrap(piece, start, end, covering[i], { mentions, lanes, parts, settings }));
  }
  return parts;
}

/** For each stretch between two cuts the mentions that cover it, longest first. */
function coverage(mentions, order) {
  const place = new Map(order.map((cut, index) => [cut, index]));
  const covering = order.map(() => []);
  mentions.forEach((mention, index) => mention.spans.forEach(([start, end]) => {
    for (let i = place.get(start); i < place.get(end); i += 1) covering[i].push(index);
  }));
  covering.forEach((indexes) => indexes.sort((a, b) => extent(mentions[b]) - extent(mentions[a])));
  return covering;
}

function extent(mention) {
  return mention.spans.reduce((sum, [start, end]) => sum + end - start, 0);
}

/** A lane for each mention, so that underlines of overlapping ones lie below each other: short ones first. */
function lanesOf(mentions) {
  const lanes = [];
  const overlap = (one, other) => one.spans.some(([a, b]) => other.spans.some(([c, d]) => a < d && c < b));
  const order = mentions.map((_, index) => index).sort((a, b) => extent(mentions[a]) - extent(mentions[b]));
  order.forEach((index, place) => {
    const taken = new Set(order.slice(0, place).filter((i) => overlap(mentions[i], mentions[index])).map((i) => lanes[i]));
    let lane = 0;
    while (taken.has(lane)) lane += 1;
    lanes[index] = lane;
  });
  return lanes;
}

/** Wrap a stretch in the marks of the mentions that cover it, the longest outside. */
function wrap(piece, start, end, covering, { mentions, lanes, parts, settings }) {
  let node = piece;
  for (const index of [...covering].reverse()) {
    const { spans, type } = mentions[index];
    const first = !parts.has(index);
    const begins = spans.some(([a]) => a === start) ? "begins" : "";
    const ends = spans.some(([, b]) => b === end) ? "ends" : "";
    const more = ends && end !== Math.max(...spans.map(([, b]) => b)) ? "more" : "";
    const mark = element("mark", {
      class: `${typeClass(settings.types, type)} lane-${lanes[index] % LANES} ${begins} ${ends} ${more}`,
      "data-mention": index, title: settings.label(index),
      tabindex: first ? 0 : null, role: first ? "button" : null, "aria-label": first ? settings.label(index) : null,
    }, node);
    parts.set(index, [...(parts.get(index) || []), mark]);
    node = mark;
  }
  return node;
}

/* --- arcs --- */

function drawLinks(svg, container, parts, links) {
  svg.replaceChildren();
  const frame = container.getBoundingClientRect();
  const used = new Map();
  const total = new Map();
  const placed = (index) => parts.has(index) && parts.get(index)[0].getClientRects().length > 0;
  const drawn = links.filter((link) => placed(link.from) && placed(link.to) && link.from !== link.to);
  drawn.forEach((link) => [link.from, link.to].forEach((index) => total.set(index, (total.get(index) || 0) + 1)));
  // Several arcs at one mention leave it side by side.
  const end = (index) => {
    const box = parts.get(index)[0].getClientRects()[0];
    used.set(index, (used.get(index) || 0) + 1);
    const share = used.get(index) / (total.get(index) + 1);
    return { x: box.left - frame.left + box.width * share, top: box.top - frame.top, bottom: box.bottom - frame.top };
  };
  // The chosen ones last, so that they lie on top.
  [...drawn].sort((a, b) => Number(a.strong) - Number(b.strong)).forEach((link, place) => {
    const arc = route(end(link.from), end(link.to), place % 3);
    const kind = `${link.strong ? "strong" : ""} dash-${(link.kind || 0) % 3}`;
    // Light behind the chosen ones only: behind all it would eat letters.
    if (link.strong) svg.append(svgElement("path", { d: arc.path, class: "halo" }));
    svg.append(svgElement("path", { d: arc.path, class: `arc ${kind}` }));
    if (link.directed) svg.append(svgElement("path", { d: arc.tip, class: `tip ${link.strong ? "strong" : ""}` }));
    // A label needs room; the card says the type anyway.
    if (link.strong && arc.width > LABEL_WIDTH * link.label.length) {
      const text = svgElement("text", { x: arc.label.x, y: arc.label.y, class: "arc-label" });
      text.textContent = link.label;
      svg.append(text);
    }
  });
}

/** A path between two boxes. On one line: a bow above it. Else along the gap below the upper line, then down:
    it crosses the lines between only once, at a right angle. */
function route(from, to, nudge) {
  if (Math.abs(from.top - to.top) < NEAR) {
    const top = Math.min(from.top, to.top);
    const lift = top - 5 - Math.min(9, Math.abs(from.x - to.x) / 30) - nudge;
    const path = `M ${from.x} ${from.top} C ${from.x} ${lift - 4}, ${to.x} ${lift - 4}, ${to.x} ${to.top}`;
    return { path, width: Math.abs(from.x - to.x), tip: arrow(to.x, to.top, 1), label: { x: (from.x + to.x) / 2, y: lift + 2 } };
  }
  const down = from.top < to.top;
  const [upper, lower] = down ? [from, to] : [to, from];
  const gap = upper.bottom + 4 + 2 * nudge;
  const side = Math.sign(lower.x - upper.x) || 1;
  const bend = Math.max(0, Math.min(6, Math.abs(lower.x - upper.x) / 2, lower.top - gap));
  const path = `M ${upper.x} ${upper.bottom} Q ${upper.x} ${gap}, ${upper.x + side * bend} ${gap}`
    + ` L ${lower.x - side * bend} ${gap} Q ${lower.x} ${gap}, ${lower.x} ${gap + bend} L ${lower.x} ${lower.top}`;
  const tip = down ? arrow(to.x, to.top, 1) : arrow(to.x, to.bottom, -1);
  return { path, width: Math.abs(from.x - to.x), tip, label: { x: (upper.x + lower.x) / 2, y: gap + 3 } };
}

function arrow(x, y, direction) {
  return `M ${x - 4} ${y - 6 * direction} L ${x} ${y} L ${x + 4} ${y - 6 * direction} Z`;
}
