"""Visits with those before them as blocks of numbers: what networks that read a history are given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apothecary.errors import DataError
from apothecary.networks.visit_scorers import Places, Rows

__all__ = ["LONGEST", "Block", "block_of"]

LONGEST = 12
"""Steps of a visit, itself among them: of a longer history the beginning is left out."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Block:
    """Visits as steps: earlier ones in their order, then the visit itself, then 0.0.

    `features` are 1.0 where a step has one, `lists` where an earlier visit had a drug; `counts` are the steps
    of each visit, 1 at least. Shapes: features visits x steps x columns, lists visits x steps x drugs.
    """

    features: Floats
    lists: Floats
    counts: Places


def block_of(rows: Rows, visits: Places) -> Block:
    """Chosen visits as a block. Raises DataError for rows without their earlier visits."""
    past = rows.earlier
    if past is None:
        raise DataError("the earlier visits are not known to a scorer that reads them")
    begins, ends = past.starts[visits], past.starts[visits + 1]
    begins = np.maximum(begins, ends - (LONGEST - 1))
    counts: Places = ends - begins + 1
    most = int(counts.max(initial=1))
    features = np.zeros((len(visits), most, rows.width), np.float32)
    lists = np.zeros((len(visits), most, past.given.shape[1]), np.float32)
    for place, (visit, begin, end) in enumerate(
        zip(visits.tolist(), begins.tolist(), ends.tolist(), strict=True)
    ):
        for step, earlier in enumerate(range(begin, end)):
            features[place, step, past.rows.row(earlier)] = 1.0
        lists[place, : end - begin] = past.given[begin:end]
        features[place, end - begin, rows.row(visit)] = 1.0
    return Block(features, lists, counts)
