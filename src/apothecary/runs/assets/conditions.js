"use strict";
/* The conditions of a relation on its card: those found, compared with the annotation where there is one, and missed ones. */

/** Is it the same by the soft rule of the score: of one type, one span within the other and at most three times as long? */
function sameCondition(one, other) {
  const [short, long] = [one.text, other.text].map((text) => text.trim().toLowerCase()).sort((a, b) => a.length - b.length);
  return one.type === other.type && long.includes(short) && 3 * short.length >= long.length;
}

/** The annotated conditions of a document that stands for one pair. Null: nobody looked. */
function goldConditions(record) {
  const gold = Object.hasOwn(DATA.gold, record.id) ? DATA.gold[record.id] : {};
  const { corpus, annotated } = gold.attributes || {};
  if (corpus !== "conditions" || annotated !== "true") return null;
  return [...rows(gold.conditions), ...rows(gold.unlocated)].map((c) => ({ type: said(c.type), text: said(c.text) }));
}

/** What stands under a relation; `show` brings a condition into view. */
function conditionRows(record, relation, show) {
  const gold = goldConditions(record);
  const asked = rows(record.pairs).find((pair) => said(pair.relation) === said(relation.id)) || {};
  const placed = record.conditions.filter((c) => c.relation === said(relation.id));
  const lost = rows(asked.conditions).filter((c) => c.how === "none").map((c) => ({ type: said(c.type), text: said(c.span) }));
  const missed = (gold || []).filter((g) => ![...placed, ...lost].some((c) => sameCondition(c, g)));
  const badge = (condition) => {
    if (!gold) return [];
    const right = gold.some((g) => sameCondition(condition, g));
    return [" ", element("span", { class: `badge ${right ? "good" : "bad"}` }, right ? "in the annotation" : "not in the annotation")];
  };
  return [
    said(asked.note) ? element("p", { class: "notice" }, said(asked.note)) : null,
    ...placed.map((c) => button({ class: "quote", title: "Show it in the text" }, () => show(c), element("strong", {}, c.type), ` ${c.text}`, ...badge(c))),
    ...lost.map((c) => element("p", { class: "quiet" }, element("strong", {}, c.type), ` ${c.text}: not in the text`, ...badge(c))),
    missed.length ? element("h3", {}, `In the annotation, not found (${missed.length})`) : null,
    missed.length ? element("ul", { class: "missed" }, ...missed.map((g) => element("li", {}, `${g.type}: ${g.text}`))) : null,
  ].filter(Boolean);
}
