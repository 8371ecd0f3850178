"""Hypothesis strategies for the data model, to be shared by all tests."""

from hypothesis import strategies as st

from apothecary.documents import (
    Alignment,
    Argument,
    Concept,
    Condition,
    Document,
    Evidence,
    Mention,
    Origin,
    Passage,
    Polarity,
    Relation,
    Setting,
    Span,
    Status,
    Unlocated,
)

__all__ = ["documents", "pubtator_documents", "texts"]

# Letters of one to four bytes, combining marks, foldings that change the length, and odd blanks.
_LETTERS = "abcXYZ019 -'αβßİéé中文😀\U0001d4b3\u200b\u2028\n\t.()|"
_ALIGNMENTS: tuple[Alignment, ...] = ("normalised", "fuzzy", "mismatch")
_POLARITIES: tuple[Polarity, ...] = ("asserted", "negated", "speculative", "unknown")
_SETTINGS: tuple[Setting, ...] = ("human", "animal", "in_vitro", "unknown")

texts = st.text(st.sampled_from(_LETTERS) | st.characters(exclude_categories=["Cs"]), max_size=60)
names = st.text(st.sampled_from("abcXYZ:0\u03b1中"), min_size=1, max_size=6)
probabilities = st.none() | st.floats(0, 1)
statuses = st.builds(Status, st.sampled_from(_POLARITIES), st.sampled_from(_SETTINGS))
origins = st.none() | st.builds(
    Origin,
    engine=names,
    step=names,
    answer=texts,
    scenarios=st.lists(texts, max_size=2).map(tuple),
    log_odds=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
attributes = st.dictionaries(names, texts, max_size=2)


@st.composite
def _spans(draw: st.DrawFn, length: int) -> Span:
    start = draw(st.integers(0, length - 1))
    return Span(start, draw(st.integers(start + 1, length)))


def _places(length: int) -> st.SearchStrategy[tuple[Span, ...]]:
    return st.lists(_spans(length), min_size=1, max_size=2).map(tuple)


@st.composite
def _named(draw: st.DrawFn, piece: str) -> tuple[str, Alignment]:
    if draw(st.booleans()):
        return piece, "exact"
    return draw(texts), draw(st.sampled_from(_ALIGNMENTS))


@st.composite
def _mentions(draw: st.DrawFn, text: str) -> Mention:
    spans = draw(_places(len(text)))
    name, alignment = draw(_named(" ".join(text[span.start : span.end] for span in spans)))
    return Mention(
        spans=spans,
        text=name,
        type=draw(names),
        ids=draw(st.lists(names, max_size=2).map(tuple)),
        individual_names=draw(st.lists(texts, max_size=2).map(tuple)),
        alignment=alignment,
        confidence=draw(probabilities),
    )


@st.composite
def _relations(draw: st.DrawFn, number: int, concepts: list[str], text: str) -> Relation:
    evidence = _spans(len(text)).map(lambda span: Evidence(span, text[span.start : span.end]))
    return Relation(
        id=f"r{number}",
        type=draw(names),
        arguments=tuple(
            Argument(role, draw(st.sampled_from(concepts))) for role in draw(st.lists(names, max_size=3))
        ),
        evidence=tuple(draw(st.lists(evidence, max_size=2))) if text else (),
        status=draw(statuses),
        confidence=draw(probabilities),
        origin=draw(origins),
        attributes=draw(attributes),
    )


@st.composite
def _conditions(draw: st.DrawFn, relations: list[str], text: str) -> Condition:
    span = draw(_spans(len(text)))
    name, alignment = draw(_named(text[span.start : span.end]))
    return Condition(
        type=draw(names),
        span=span,
        text=name,
        relation=draw(st.sampled_from(["", *relations])),
        alignment=alignment,
        status=draw(statuses),
        confidence=draw(probabilities),
        origin=draw(origins),
    )


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Any valid document: every field in use, text of any script."""
    text = draw(texts)
    mentions = draw(st.lists(_mentions(text), max_size=3)) if text else []
    concept_ids = draw(st.lists(names, unique=True, max_size=3))
    indices = st.lists(st.sampled_from(range(len(mentions))), unique=True) if mentions else st.just([])
    concepts = tuple(
        Concept(
            id=concept_id,
            type=draw(names),
            mentions=tuple(draw(indices)),
            names=tuple(draw(st.lists(texts, max_size=2))),
            ids=tuple(draw(st.lists(names, max_size=2))),
            broader_than=tuple(draw(st.lists(st.sampled_from(concept_ids), max_size=1))),
        )
        for concept_id in concept_ids
    )
    count = draw(st.integers(0, 2)) if concepts else 0
    relations = tuple(draw(_relations(number, concept_ids, text)) for number in range(count))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2)))
    relation_ids = [relation.id for relation in relations]
    return Document(
        id=draw(names),
        text=text,
        passages=(Passage(draw(names), *cuts),),
        mentions=tuple(mentions),
        concepts=concepts,
        relations=relations,
        conditions=tuple(draw(st.lists(_conditions(relation_ids, text), max_size=2))) if text else (),
        unlocated=tuple(draw(st.lists(st.builds(Unlocated, texts, names, texts), max_size=2))),
        attributes=draw(attributes),
    )


_LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0\t"), max_size=40)
_VOCABULARY = st.lists(
    st.from_regex(r"(MESH:)?[A-Z][0-9]{1,3}", fullmatch=True), unique=True, min_size=1, max_size=3
)


@st.composite
def pubtator_documents(draw: st.DrawFn) -> Document:
    """A document such as reading PubTator gives: title, abstract, linked mentions, binary relations."""
    title, abstract = draw(_LINE), draw(st.none() | _LINE)
    text = title if abstract is None else f"{title} {abstract}"
    passages = [Passage("title", 0, len(title))]
    passages.extend([] if abstract is None else [Passage("abstract", len(title) + 1, len(text))])
    vocabulary = draw(_VOCABULARY)
    mentions = draw(st.lists(_linked_mentions(text, vocabulary), max_size=4)) if text else []
    pairs = draw(st.lists(st.tuples(*[st.sampled_from(vocabulary)] * 2), max_size=2))
    relations = [
        Relation(
            f"r{number}",
            draw(st.sampled_from(["CID", "Association"])),
            (Argument("head", head), Argument("tail", tail)),
            attributes=draw(st.sampled_from([{}, {"novelty": "Novel"}])),
        )
        for number, (head, tail) in enumerate(pairs, 1)
    ]
    used = [i for m in mentions for i in m.ids] + [a.concept for r in relations for a in r.arguments]
    return Document(
        id=draw(st.from_regex(r"[0-9]{1,8}", fullmatch=True)),
        text=text,
        passages=tuple(passages),
        mentions=tuple(mentions),
        concepts=tuple(_cluster(concept_id, mentions) for concept_id in dict.fromkeys(used)),
        relations=tuple(relations),
    )


@st.composite
def _linked_mentions(draw: st.DrawFn, text: str, vocabulary: list[str]) -> Mention:
    span = draw(_spans(len(text)))
    piece = text[span.start : span.end]
    name = draw(st.just(piece) | _LINE)
    return Mention(
        spans=(span,),
        text=name,
        type=draw(st.sampled_from(["Chemical", "Disease"])),
        ids=tuple(draw(st.lists(st.sampled_from(vocabulary), unique=True, max_size=2))),
        individual_names=tuple(draw(st.lists(names, max_size=2))),
        alignment="exact" if name == piece else "mismatch",
    )


def _cluster(concept_id: str, mentions: list[Mention]) -> Concept:
    members = [index for index, mention in enumerate(mentions) if concept_id in mention.ids]
    return Concept(
        id=concept_id,
        type=mentions[members[0]].type if members else "",
        mentions=tuple(members),
        names=tuple(dict.fromkeys(mentions[index].text for index in members)),
        ids=(concept_id,),
    )
