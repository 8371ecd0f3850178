"""Tables of hospital records to a file of the package's visits, with an audit beside it.

Departures from the published pipeline (FLAME on MIMIC-III): 1. no patient is left out for having one visit;
2. NDCs are not cut to nine digits, and ambiguous ones are left out; 3. a visit needs a diagnosis and a drug,
but no procedure; 4. codes are not dropped for being rare; 5. notes are not read.

Memory is that of one patient (`formats.visit_store`) and of the drug strings. The same input gives the same
bytes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from apothecary.corpora.visit_audit import Audit, VisitCounts
from apothecary.corpora.visit_cut import Cutter, When
from apothecary.corpora.visit_sources import SOURCES, Source
from apothecary.corpora.visit_times import WHOLE_STAY, earlier_visits
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats import visit_rows
from apothecary.formats.fields import Fields
from apothecary.formats.lines import printable
from apothecary.formats.seen import Seen
from apothecary.formats.visit_rows import drug_values, drugs_of
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Visit
from apothecary.vocab.drug_names import read_drug_names
from apothecary.vocab.drug_naming import DrugNaming
from apothecary.vocab.ndc import read_ndc

__all__ = ["ImportOptions", "audit_path", "import_visits"]


@dataclass(frozen=True)
class ImportOptions:
    """What is kept: see `visit_cut` for `when`, `vocab.drug_naming` for the files `names` and `ndc`.

    A drug in fewer than `min_support` visits is in no list. Counted over the whole source: choose on the part
    for training where that matters.
    """

    when: When = "stay"
    names: Path | None = None
    ndc: Path | None = None
    min_support: int = 1


def audit_path(out: Path) -> Path:
    """Where the audit of a file of visits stands: ``visits.audit.json`` beside ``visits.jsonl``."""
    return out.with_name(f"{out.stem}.audit.json")


def import_visits(source: Path, kind: str, out: Path, options: ImportOptions | None = None) -> Audit:
    """Read a source of a kind of `SOURCES`, write its visits and the audit, and return the latter.

    A file that stands there is replaced when the new one is whole. Raises UsageError for an unknown kind,
    FormatError for a source that cannot be read, DataError for an output that cannot be written or would be
    empty (the audit is there then).
    """
    options = options or ImportOptions()
    known = SOURCES.get(kind)
    if known is None:
        raise UsageError(f"unknown source {kind!r}", where="--from", hint=", ".join(SOURCES))
    if options.when == "admission" and source.is_dir() and not known.has_admissions(source):
        hint = "use --when stay, or an export with encounters"
        raise UsageError("years of patients have no admission", where=printable(source), hint=hint)
    naming = DrugNaming(
        read_drug_names(options.names) if options.names else None,
        read_ndc(options.ndc) if options.ndc else None,
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".visits-", dir=out.parent) as place:
            return _Import(known, kind, naming, options).run(source, out, Path(place))
    except OSError as error:
        hint = "choose another --out"
        raise DataError(f"cannot be written: {error.strerror}", where=printable(out), hint=hint) from error


class _Import:
    """One import: two passes, since what has support is known after the first."""

    def __init__(self, source: Source, kind: str, naming: DrugNaming, options: ImportOptions) -> None:
        self.source, self.kind, self.options = source, kind, options
        self.tally, self.visits = Tally(), VisitCounts()
        self.cutter = Cutter(options.when, naming)
        self.support: Counter[str] = Counter()

    def run(self, source: Path, out: Path, place: Path) -> Audit:
        """Import a source to `out`, with files of its own in `place`."""
        every, kept = place / "every.jsonl", place / "kept.jsonl"
        with every.open("w", encoding="utf-8", newline="") as stream:
            visit_rows.write(self._cut(source, place), stream)
        supported = {name: n for name, n in self.support.items() if n >= self.options.min_support}
        with kept.open("w", encoding="utf-8", newline="") as stream:
            visit_rows.write(self._supported(every, supported.keys()), stream)
            stream.flush()
            os.fsync(stream.fileno())
        audit = self._audit(supported)
        self._write_audit(audit, out)
        if not self.visits.kept:
            hint = f"see {printable(audit_path(out))}"
            raise FormatError("no visit is left of it", where=printable(source), hint=hint)
        kept.replace(out)
        return audit

    def _cut(self, source: Path, place: Path) -> Iterator[Visit]:
        """First pass: the visits with a list, whatever its drugs are."""
        seen = Seen()
        with EventStore(place) as store:
            for stay in self.source.read(source, store, self.tally):
                self.visits.read += 1
                if seen.add(stay.visit.id, 1) is not None:
                    self.visits.lost["repeated id"] += 1
                    for _ in stay.given:
                        self.cutter.rows.lose("repeated visit")
                    continue
                visit = self.cutter.cut(stay)
                if not visit.drugs:
                    self.visits.lost["no drug"] += 1
                elif self.options.when == "stay" and not visit.diagnoses:
                    self.visits.lost["no diagnosis"] += 1
                else:
                    self.support.update(visit.names)
                    yield visit

    def _supported(self, path: Path, names: Set[str]) -> Iterator[Visit]:
        """Second pass: the visits with a drug that has support, without those that have none."""
        for _, group in groupby(_read(path), key=lambda visit: visit.patient):
            every = [_only(visit, names) for visit in group]
            own = [visit for visit in every if visit.drugs]
            if len(own) < len(every):
                self.visits.lost["no drug with support"] += len(every) - len(own)
            yield from self._count(own)

    def _count(self, own: list[Visit]) -> list[Visit]:
        """Count the visits of a patient that are kept."""
        self.visits.patients += bool(own)
        for visit in own:
            self.visits.kept += 1
            self.visits.drugs += len(visit.names)
            self.visits.with_diagnoses += bool(visit.diagnoses)
            self.visits.with_procedures += bool(visit.procedures)
            self.visits.with_earlier_ones += bool(earlier_visits(visit, own))
            self.visits.ages["known" if visit.age is not None else "unknown"] += 1
        return own

    def _audit(self, supported: dict[str, int]) -> Audit:
        rows, tally, naming = self.cutter.rows, self.tally, self.cutter.naming
        rows.read = sum(tally.read[table] for table in self.source.drugs)
        for table in self.source.drugs:
            rows.lost.update(tally.lost(table))
        unplaced = tally.lost("visits")
        self.visits.read += sum(unplaced.values())
        self.visits.lost.update(unplaced)
        names, ndc = self.options.names, self.options.ndc
        return Audit(
            source=self.kind,
            when=self.options.when,
            units={
                "visit": self.source.visit,
                "drug": "ingredient: NDC with a check against the name, else the name"
                if ndc
                else "ingredient by name in the vocabulary"
                if names
                else "ingredient by rules from what the source writes",
                "interaction": "unordered pair of two drugs of one list, given at one time or not",
                "order": "days since the first visit of the patient",
                "hours": "from the beginning of the visit",
            },
            vocabulary={
                "names": names.name if names else None,
                "known_names": len(naming.names) if naming.names is not None else None,
                "ndc": ndc.name if ndc else None,
                "codes": len(naming.ndc) if naming.ndc is not None else None,
                "ambiguous_codes": naming.ndc.ambiguous if naming.ndc is not None else None,
                "min_support": self.options.min_support,
            },
            rows=rows,
            visits=self.visits,
            inputs=self.cutter.inputs,
            support=supported,
            unsupported={name: n for name, n in self.support.items() if name not in supported},
            tally=tally,
            notes=self.source.notes,
        )

    def _write_audit(self, audit: Audit, out: Path) -> None:
        path = audit_path(out)
        new = path.with_name(f"{path.name}.new")
        text = json.dumps(audit.figures(), indent=1, ensure_ascii=False) + "\n"
        new.write_text(text, encoding="utf-8")
        new.replace(path)


def _read(path: Path) -> Iterator[Visit]:
    for item in visit_rows.read(path):
        if isinstance(item, DataError):
            raise item
        yield item


def _only(visit: Visit, names: Set[str]) -> Visit:
    """A visit without the drugs that are not among the names, also in what it keeps for later ones."""
    drugs = tuple(drug for drug in visit.drugs or () if drug.name in names)
    aside = Fields(visit.extra, f"visit {visit.id}").inner(WHOLE_STAY)
    if aside is None:
        return replace(visit, drugs=drugs)
    given = tuple(drug for drug in drugs_of(aside, "gold") if drug.name in names)
    whole = {**aside.values, "gold": drug_values(given)}
    return replace(visit, drugs=drugs, extra={**visit.extra, WHOLE_STAY: whole})
