"use strict";
/* The item page: draws the text, answers keys, and turns chosen words into offsets. Everything works without
   it, by forms and links. What was read only ever becomes text nodes and field values. */

const IN_FIELD = "input, textarea, select";
let view = null;

/** Set up the page that is there now; pages are swapped in without a reload. */
function begin() {
  if (view) view.remove();
  view = null;
  const text = document.getElementById("text");
  if (text && text.dataset.record) draw(text, JSON.parse(text.dataset.record));
  document.querySelectorAll(".script").forEach((node) => { node.hidden = false; });
  document.documentElement.dataset.ready = "yes";
}

function draw(text, record) {
  const types = [...new Set(record.mentions.map((mention) => mention.type))].sort();
  view = renderDocument(text, record, { types });
  // Mentions answer no click here, so they are no buttons to step through.
  text.querySelectorAll("mark[role=button]").forEach((mark) => {
    mark.removeAttribute("role");
    mark.removeAttribute("tabindex");
    mark.removeAttribute("aria-label");
  });
  view.highlight(record.strong);
  view.showEvidence(record.relations[0].evidence.map((each) => [each.start, each.end]));
  view.drawArcs(record.links);
}

/** The code point of the shown text at a place in the page; null outside the text. */
function pointAt(text, node, offset) {
  if (!text.contains(node)) return null;
  for (const piece of text.querySelectorAll(".piece")) {
    const range = document.createRange();
    range.selectNodeContents(piece);
    const side = range.comparePoint(node, offset);
    if (side < 0) return Number(piece.dataset.start);
    if (side > 0) continue;
    range.setEnd(node, offset);
    return Number(piece.dataset.start) + Array.from(range.toString()).length;
  }
  return Array.from(text.querySelector(".body").textContent).length;
}

/** Put the chosen words into the form. */
function takeSelection() {
  const text = document.getElementById("text");
  const edit = document.getElementById("edit");
  const chosen = getSelection();
  if (!text || !edit || !edit.open || !chosen || chosen.isCollapsed || !chosen.rangeCount) return;
  const range = chosen.getRangeAt(0);
  const ends = [pointAt(text, range.startContainer, range.startOffset), pointAt(text, range.endContainer, range.endOffset)];
  if (ends.includes(null) || ends[0] >= ends[1]) return;
  const record = JSON.parse(text.dataset.record);
  edit.querySelector("[name=span_start]").value = record.start + ends[0];
  edit.querySelector("[name=span_end]").value = record.start + ends[1];
  const words = document.getElementById("chosen-words");
  words.textContent = Array.from(record.text).slice(...ends).join("");
  words.hidden = false;
}

/** Open the corrections, with the first evidence chosen where nothing is. */
function openEdit() {
  const edit = document.getElementById("edit");
  edit.open = true;
  const chosen = getSelection();
  if (chosen.isCollapsed) {
    const text = document.getElementById("text");
    const evidence = JSON.parse(text.dataset.record).relations[0].evidence[0];
    const inside = (piece) => evidence && evidence.start <= Number(piece.dataset.start) && Number(piece.dataset.end) <= evidence.end;
    const pieces = [...text.querySelectorAll(".piece")];
    const marked = pieces.filter(inside);
    const [first, last] = marked.length ? [marked[0], marked.at(-1)] : [pieces[0], pieces[0]];
    if (first) chosen.setBaseAndExtent(first.firstChild, 0, last.firstChild, last.firstChild.length);
  }
  takeSelection();
  edit.scrollIntoView({ block: "nearest" });
}

/** Shift and an arrow move the end of the chosen words, Alt and an arrow their beginning. */
function stretch(event) {
  const edit = document.getElementById("edit");
  if (!edit || !edit.open || !/^Arrow(Left|Right)$/.test(event.key) || !(event.shiftKey || event.altKey)) return false;
  const chosen = getSelection();
  if (!chosen.rangeCount || !document.getElementById("text").contains(chosen.anchorNode)) return false;
  const step = [event.key === "ArrowRight" ? "forward" : "backward", event.ctrlKey ? "word" : "character"];
  if (event.altKey) {
    const { startContainer, startOffset, endContainer, endOffset } = chosen.getRangeAt(0);
    chosen.setBaseAndExtent(endContainer, endOffset, startContainer, startOffset);
    chosen.modify("extend", ...step);
    const moved = chosen.getRangeAt(0);
    chosen.setBaseAndExtent(moved.startContainer, moved.startOffset, moved.endContainer, moved.endOffset);
  } else {
    chosen.modify("extend", ...step);
  }
  takeSelection();
  return true;
}

function onKey(event) {
  const field = event.target.closest && event.target.closest(IN_FIELD);
  if (event.key === "Escape" && field) { field.blur(); return; }
  if (field && event.ctrlKey && event.key === "Enter" && field.name === "note") {
    const keep = document.querySelector("button[value=note]");
    if (keep) { event.preventDefault(); keep.click(); }
    return;
  }
  if (field) return;
  if (stretch(event)) { event.preventDefault(); return; }
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  // Enter belongs to what has the focus.
  if (event.key === "Enter" && event.target !== document.body && !event.target.matches("h1")) return;
  const find = (name) => [...document.querySelectorAll(`[data-${name}]`)].find((node) => node.dataset[name] === event.key);
  const open = find("open");
  const focus = find("focus");
  const press = find("key");
  if (!open && !focus && !press) return;
  event.preventDefault();
  if (event.key === "e") openEdit();
  else if (open) { open.parentElement.open = !open.parentElement.open; open.parentElement.scrollIntoView({ block: "nearest" }); }
  else if (focus) { const box = focus.closest("details"); if (box) box.open = true; focus.focus(); }
  else press.click();
}

/** After a page came in: set it up, and let readers of screens begin at its heading. */
function arrived() {
  begin();
  scrollTo(0, 0);
  const field = document.querySelector("[autofocus]");
  const heading = document.querySelector("main h1");
  if (field) field.focus();
  else if (heading) heading.focus({ preventScroll: true });
}

document.addEventListener("keydown", onKey);
document.addEventListener("mouseup", takeSelection);
document.addEventListener("keyup", (event) => { if (event.key === "Shift") takeSelection(); });
document.addEventListener("htmx:after:swap", arrived);
begin();
