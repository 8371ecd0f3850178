"""Data of patients stay on this machine, unless their keeper says otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable

from apothecary.engines.http import is_loopback
from apothecary.errors import UsageError
from apothecary.messages import EngineInfo

__all__ = ["ALLOW", "check_address", "check_engine"]

ALLOW = "--allow-remote-patient-data"
_ADDRESS = re.compile(r"https?://[^\s,#/]+")


def check_address(specs: Iterable[str], *, allowed: bool) -> None:
    """Raise UsageError for an ENGINE with an address on another machine, before anything is sent there."""
    for spec in specs:
        # Also within a spec: an engine may hand on what it is not sure of.
        for address in _ADDRESS.findall(spec):
            if not allowed and not is_loopback(address):
                # What stands before an at sign may be a key.
                raise _refused(address.rpartition("@")[2])


def check_engine(info: EngineInfo, *, allowed: bool) -> None:
    """Raise UsageError for an open engine whose requests leave this machine."""
    if not allowed and not info.local:
        raise _refused(info.name)


def _refused(name: str) -> UsageError:
    hint = f"take an engine of this machine; or {ALLOW}, where the keepers of the records permit it"
    return UsageError(
        "visits are data of patients, and this engine is on another machine", where=name, hint=hint
    )
