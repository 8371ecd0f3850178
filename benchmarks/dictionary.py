"""Build the dictionary that ships, and say how well it links the development part of CDR.

    python benchmarks/dictionary.py --data ../shared/data [--write]

Names come from the training parts of CDR, BioRED and the NCBI Disease corpus. Left out are all held-out
ids, and the documents of every development part, so that the figures below are of unseen abstracts.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from apothecary.corpora import biored, cdr, ncbi_disease
from apothecary.corpora.corpus import Corpus
from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.tasks.linking import DICTIONARY, Linking
from apothecary.vocab.dictionary import Dictionary, build_dictionary, merge, vocabulary_id, write_dictionary
from apothecary.vocab.linking import Linker

CHEMICAL, DISEASE, GENE = "Chemical", "Disease", "Gene"
TYPES = {
    "Chemical": CHEMICAL,
    "ChemicalEntity": CHEMICAL,
    "Disease": DISEASE,
    "DiseaseOrPhenotypicFeature": DISEASE,
    "SpecificDisease": DISEASE,
    "DiseaseClass": DISEASE,
    "CompositeMention": DISEASE,
    "Modifier": DISEASE,
    "GeneOrGeneProduct": GENE,
}
CORPORA: tuple[tuple[Corpus, str], ...] = (
    (cdr.CORPUS, "cdr"),
    (biored.CORPUS, "biored"),
    (ncbi_disease.CORPUS, "instruct/ncbi_disease"),
)


def typed(documents: Iterable[Document]) -> Iterator[Document]:
    """The documents with the types of the schemas; mentions of other types are left out."""
    for document in documents:
        mentions = tuple(
            replace(mention, type=TYPES[mention.type])
            for mention in document.mentions
            if mention.type in TYPES
        )
        yield replace(document, mentions=mentions, concepts=(), relations=())


def build(data: Path) -> tuple[Dictionary, int]:
    """The dictionary, and how many documents were left out of it."""
    held = HeldOut.read(data / "held_out.tsv")
    unseen = {document.id for corpus, folder in CORPORA for document in corpus.read(data / folder, "dev")}
    parts = []
    dropped = 0
    for corpus, folder in CORPORA:
        documents = list(corpus.read(data / folder, "train"))
        kept = [d for d in documents if not held.holds(d.id) and d.id not in unseen]
        dropped += len(documents) - len(kept)
        parts.append(build_dictionary(typed(kept), corpus.name))
    return merge(*parts), dropped


def judge(dictionary: Dictionary, data: Path) -> tuple[Counter[tuple[str, str, str]], float]:
    """Mentions by (type, how, right or wrong or none), and the share of gold pairs within reach."""
    linking = Linking(Linker(dictionary), "")
    counts: Counter[tuple[str, str, str]] = Counter()
    reached = pairs = 0
    for document in cdr.CORPUS.read(data / "cdr", "dev"):
        bare = replace(
            document, concepts=(), relations=(), mentions=tuple(replace(m, ids=()) for m in document.mentions)
        )
        linked, rows = linking.link(bare)
        hows = {(row["type"], row["name"]): str(row["how"]) for row in rows}
        found: set[str] = set()
        for gold, mention in zip(document.mentions, linked.mentions, strict=True):
            ids = {vocabulary_id(each) for each in gold.ids} - {""}
            if not ids:
                continue
            right = ids & set(mention.ids)
            found |= right
            verdict = "right" if ids == set(mention.ids) else "wrong" if mention.ids else "none"
            counts[mention.type, hows[mention.type, mention.text], verdict] += 1
        concepts = {
            concept.id: set(map(vocabulary_id, concept.ids or (concept.id,))) for concept in document.concepts
        }
        for relation in document.relations:
            pairs += 1
            reached += all(concepts[argument.concept] & found for argument in relation.arguments)
    return counts, reached / pairs


def main() -> None:
    """Build, judge, and write with ``--write``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true", help="replace the dictionary that ships")
    options = parser.parse_args()
    dictionary, dropped = build(options.data)
    print(f"{len(dictionary.entries)} entries; {dropped} documents left out")
    counts, ceiling = judge(dictionary, options.data)
    for kind in (CHEMICAL, DISEASE):
        total = sum(n for (t, _, _), n in counts.items() if t == kind)
        verdicts: Counter[str] = Counter()
        for (t, how, verdict), n in sorted(counts.items()):
            if t == kind:
                verdicts[verdict] += n
                print(f"  {kind} {how} {verdict}: {n}")
        print(
            f"{kind}: {total} mentions with an id, "
            + ", ".join(f"{v} {n / total:.1%}" for v, n in verdicts.items())
        )
    print(f"gold pairs with both concepts linked from some mention: {ceiling:.1%}")
    if options.write:
        path = Path(__file__).parents[1] / "src" / "apothecary" / "models" / DICTIONARY
        path.parent.mkdir(exist_ok=True)
        write_dictionary(dictionary, path)
        print(f"{path.stat().st_size} bytes: {path}")


if __name__ == "__main__":
    main()
