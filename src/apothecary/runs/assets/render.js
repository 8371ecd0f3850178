"use strict";
/* Draws one document: its text with highlighted mentions, and arcs between the arguments of relations.
   Knows nothing of the page around it. Data only ever become text nodes, never markup. */

const UNDERLINES = ["solid", "dashed", "dotted", "double", "wavy"];

/** A new element with attributes, text or children. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** The spans of a mention: [start, end] pairs in code points. */
function spansOf(mention) {
  return mention.spans || [[mention.start, mention.end]];
}

/** A class for a mention type: its place among all types of the run, so that colours stay the same. */
function typeClass(types, type) {
  const place = types.indexOf(type);
  return `type type-${place < 0 ? 0 : place % 6} line-${UNDERLINES[Math.max(0, place) % UNDERLINES.length]}`;
}

/** Fill a container with the text of a record. Returns the parts of each mention: index -> elements. */
function renderText(container, record, types, labelOf) {
  const points = Array.from(record.text || "");
  const mentions = record.mentions || [];
  const passages = record.passages && record.passages.length
    ? record.passages : [{ section: "", start: 0, end: points.length }];
  const cuts = new Set([0, points.length]);
  mentions.forEach((m) => spansOf(m).forEach(([a, b]) => { cuts.add(a); cuts.add(b); }));
  (record.relations || []).forEach((r) => (r.evidence || []).forEach((e) => { cuts.add(e.start); cuts.add(e.end); }));
  passages.forEach((p) => { cuts.add(p.start); cuts.add(p.end); });
  const order = [...cuts].filter((c) => c >= 0 && c <= points.length).sort((a, b) => a - b);
  const covering = coverage(mentions, order);
  const parts = new Map();
  let block = null;
  for (let i = 0; i + 1 < order.length; i += 1) {
    const [start, end] = [order[i], order[i + 1]];
    const passage = passages.find((p) => p.start <= start && end <= p.end);
    if (!block || block.passage !== passage) {
      block = { passage, node: element("p", { class: passage ? "passage" : "gap" }) };
      if (passage && passage.section) block.node.append(element("span", { class: "section" }, passage.section));
      container.append(block.node);
    }
    const text = points.slice(start, end).join("");
    block.node.append(segment(text, start, end, covering[i], mentions, types, labelOf, parts));
  }
  return parts;
}

/** For each stretch between two cuts the mentions that cover it, longest first. */
function coverage(mentions, order) {
  const place = new Map(order.map((cut, index) => [cut, index]));
  const covering = order.map(() => []);
  mentions.forEach((mention, index) => spansOf(mention).forEach(([a, b]) => {
    for (let i = place.get(a); i !== undefined && i < place.get(b); i += 1) covering[i].push(index);
  }));
  const length = (i) => spansOf(mentions[i]).reduce((sum, [a, b]) => sum + b - a, 0);
  covering.forEach((indexes) => indexes.sort((a, b) => length(b) - length(a)));
  return covering;
}

/** One stretch of text. Overlapping mentions are nested marks, the longest outside. */
function segment(text, start, end, covering, mentions, types, labelOf, parts) {
  let node = element("span", { class: "piece", "data-start": start, "data-end": end }, text);
  for (const index of [...covering].reverse()) {
    const first = !parts.has(index);
    const mention = mentions[index];
    node = element("mark", {
      class: typeClass(types, mention.type), "data-mention": index, title: labelOf(index),
      tabindex: first ? 0 : null, role: first ? "button" : null, "aria-label": first ? labelOf(index) : null,
    }, node);
    if (first) parts.set(index, []);
    parts.get(index).push(node);
  }
  return node;
}

/** The mentions of two concepts that stand nearest to each other: [index, index], or null. */
function nearestMentions(record, one, other) {
  const mentions = record.mentions || [];
  let best = null;
  for (const a of one.mentions || []) {
    for (const b of other.mentions || []) {
      if (!mentions[a] || !mentions[b] || a === b) continue;
      const distance = Math.abs(mentions[a].start - mentions[b].start);
      if (!best || distance < best.distance) best = { distance, pair: [a, b] };
    }
  }
  return best && best.pair;
}

/** Draw arcs over the text. `links` are {from, to, label, strong} with mention indexes. */
function drawArcs(svg, container, parts, links) {
  const name = "http://www.w3.org/2000/svg";
  svg.replaceChildren();
  const frame = container.getBoundingClientRect();
  svg.setAttribute("width", frame.width);
  svg.setAttribute("height", container.scrollHeight);
  for (const link of links) {
    const ends = [link.from, link.to].map((index) => anchor(parts.get(index), frame));
    if (!ends[0] || !ends[1]) continue;
    const [a, b] = ends;
    const sameLine = Math.abs(a.y - b.y) < 4;
    const lift = sameLine ? Math.min(22, 10 + Math.abs(a.x - b.x) / 30) : 20;
    const path = document.createElementNS(name, "path");
    path.setAttribute("d", `M ${a.x} ${a.y} C ${a.x} ${a.y - lift}, ${b.x} ${b.y - lift}, ${b.x} ${b.y}`);
    path.setAttribute("class", link.strong ? "arc strong" : "arc");
    const tip = document.createElementNS(name, "path");
    tip.setAttribute("d", `M ${b.x - 4} ${b.y - 6} L ${b.x} ${b.y} L ${b.x + 4} ${b.y - 6}`);
    tip.setAttribute("class", link.strong ? "tip strong" : "tip");
    const title = document.createElementNS(name, "title");
    title.textContent = link.label;
    path.append(title);
    svg.append(path, tip);
  }
}

/** The middle of the upper edge of a mention's first line, in the frame of the container. */
function anchor(nodes, frame) {
  const box = nodes && nodes.length ? nodes[0].getClientRects()[0] : null;
  return box ? { x: box.left + box.width / 2 - frame.left, y: box.top - frame.top } : null;
}
