"""How far to believe an edge: noisy-or over the documents of each source, and over sources.

For each source s and each document d in which it states the edge::

    right(s, d) = (1 - random(s)) * confidence(s, d)        the confidence is 1 where a run gives none
    wrong(s)    = systematic(s) + (1 - systematic(s)) * product over d of (1 - right(s, d))
    belief_for  = 1 - product over s of wrong(s)
    belief      = belief_for * (1 - belief_against)

Random errors differ from document to document, so that more documents make an edge surer; systematic errors
are the same in all (a misread abbreviation), so that one source never makes it certain. ``belief_against``
is the same sum over the documents that deny the edge or assert an opposite one.

Source: Gyori et al. 2017, Molecular Systems Biology 13:954 (INDRA), its simple scorer. Departures:

1. A document counts once for a source, with its surest statement; INDRA counts sentences.
2. The confidence of a statement scales its chance of being right.
3. Denials and opposites lower the belief; INDRA leaves them out of it.
4. Reviewers are a source of their own that errs at random only: a document for which most of them accept the
   edge is right with 0.98. Where most reject it, it supports nothing. As many for as against is as if
   nobody had looked.
5. ``random(s)`` is the mean of a beta posterior: of a prior, as heavy as ten reviewed statements, and the
   statements of the source that reviewers have judged. It is fitted anew when everything is assembled.

Logarithms are added as decimals, exactly, so that the order of documents changes no digit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["BELIEFS", "PRIORS", "calibrate", "read_priors", "set_priors"]

PRIORS: Mapping[str, float] = {"random": 0.3, "systematic": 0.05, "annotation": 0.05, "weight": 10.0}
"""Chances of an error: random and systematic ones of a source, and random ones of a file of annotations;
and how many reviewed statements the prior weighs. The name of a source stands for its random errors.

The first two are those that INDRA gives to readers of literature."""
ACCEPTED_RIGHT = 0.98
_META = "errors"
_LEAST = 1e-6

BELIEFS = f"""
CREATE OR REPLACE TEMP TABLE beliefs AS
WITH
by_source AS (
    SELECT edge, source, against, sum(ln(1 - (1 - random_error) * confidence)::DECIMAL(38, 15)) AS missed
    FROM statements JOIN sources USING (source)
    WHERE NOT of_review AND verdict <> 'reject'
    GROUP BY ALL),
chances AS (
    SELECT edge, against, ln(systematic_error + (1 - systematic_error) * exp(missed::DOUBLE)) AS wrong
    FROM by_source JOIN sources USING (source)
    UNION ALL
    SELECT edge, against, count(DISTINCT document) * ln(1 - {ACCEPTED_RIGHT})
    FROM statements WHERE verdict = 'accept' GROUP BY ALL)
SELECT edge, against, 1 - exp(sum(wrong::DECIMAL(38, 15))::DOUBLE) AS belief
FROM chances GROUP BY ALL
"""  # noqa: S608 - a constant
"""Of the temporary table ``statements`` (edge, document, source, of_review, confidence, against, verdict)."""


def set_priors(connection: duckdb.DuckDBPyConnection, priors: Mapping[str, float]) -> None:
    """Keep the priors in the base: decisions are folded into it without those who built it."""
    told = json.dumps(dict(sorted(priors.items())))
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_META, told])


def read_priors(connection: duckdb.DuckDBPyConnection) -> Mapping[str, float]:
    """The priors of this base."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", [_META]).fetchone()
    return {**PRIORS, **json.loads(row[0])} if row else PRIORS


def calibrate(connection: duckdb.DuckDBPyConnection) -> bool:
    """Fit the error rates of all sources to what reviewers say; whether any of them is another now."""
    priors = read_priors(connection)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE rates AS
        WITH verdicts AS (
            SELECT document, edge,
                sum(CASE verdict WHEN 'accept' THEN 1 ELSE -1 END) AS lead
            FROM decisions GROUP BY ALL),
        judged AS (
            SELECT DISTINCT source, document, edge, lead
            FROM relations JOIN runs USING (run) JOIN verdicts USING (document, edge)
            WHERE lead <> 0 AND polarity <> 'negated'),
        counted AS (
            SELECT source, count(*) AS reviewed, count(*) FILTER (WHERE lead < 0) AS wrong
            FROM judged GROUP BY ALL)
        SELECT source, coalesce(counted.reviewed, 0) AS reviewed, coalesce(counted.wrong, 0) AS wrong,
            greatest($least, least(1 - $least, ($weight * coalesce(own.prior,
                CASE task WHEN 'annotation' THEN $annotation ELSE $random END) + coalesce(counted.wrong, 0))
                / ($weight + coalesce(counted.reviewed, 0)))) AS random_error,
            $systematic AS systematic_error
        FROM sources LEFT JOIN counted USING (source)
        LEFT JOIN (SELECT unnest($names) AS source, unnest($priors) AS prior) own USING (source)
        WHERE engines <> '{"review": "reviewers"}'
        """,
        {
            "least": _LEAST,
            **{name: priors[name] for name in PRIORS},
            "names": list(priors),
            "priors": list(priors.values()),
        },
    )
    differing = (
        "rates.source = sources.source AND (rates.reviewed, rates.wrong, rates.random_error,"
        " rates.systematic_error) <> (sources.reviewed, sources.wrong, sources.random_error,"
        " sources.systematic_error)"
    )
    row = connection.execute(f"SELECT count(*) FROM rates, sources WHERE {differing}").fetchone()  # noqa: S608
    connection.execute(
        "UPDATE sources SET reviewed = rates.reviewed, wrong = rates.wrong,"  # noqa: S608
        " random_error = rates.random_error, systematic_error = rates.systematic_error"
        f" FROM rates WHERE {differing}"
    )
    return bool(row and row[0])
