"""The stand-in for a model server, with names found in what it is given, time that passes and faults counted.

    python -m benchmarks.reliability_server --delay 0.02 --dialect vllm --faults 0.2 --seed 3

The stand-in of the tests fills a schema at random, so that most of its replies about names break its bounds
or are cut off. Here they hold the names of the invented documents, held to a schema or not.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tests.engines import stand_in

__all__ = ["CHEMICAL", "DISEASE", "main"]

CHEMICAL = ("olin", "amide")
DISEASE = ("itis", "emia")
"""How the invented names end."""

FORM = "Answer with one JSON object and nothing else:"
KINDS: Counter[str] = Counter()
_say = stand_in.say


def say(prompt: str, body: Mapping[str, stand_in.Json], manner: stand_in.Manner) -> stand_in.Says:
    """What a model would say that finds every invented name and picks codes by the hash of the prompt."""
    if FORM in prompt:
        text, _, form = prompt.partition("\n\nFind the names")
        labels = re.findall(r'"(\w+)": \[', form)
        names: dict[str, list[str]] = {label: [] for label in labels}
        names |= {"Chemical": found(text, CHEMICAL), "Disease": found(text, DISEASE)}
        answer = json.dumps(names)
        return stand_in.Says(stand_in.pieces_of(answer), (), "response_format" in manner.constraints)
    said = _say(prompt, body, manner)
    if said.constrained:
        return said
    # A model that is held to nothing writes one of the codes that the prompt lists at the beginning of lines.
    codes = re.findall(r"^([0-9=<>~])[ :.)]", prompt, re.MULTILINE) or ["0"]
    return stand_in.Says([codes[int(stand_in.hash_of(prompt), 16) % len(codes)]])


def found(text: str, endings: Sequence[str]) -> list[str]:
    """The different words of a text with one of these endings."""
    return list(dict.fromkeys(re.findall(rf"\b[A-Za-z]+(?:{'|'.join(endings)})\b", text)))


class Counting(stand_in.State):
    """Counts the faults by kind."""

    def fault(self, prompt: str) -> str:
        """Count a request; the fault that is due, or nothing."""
        kind = super().fault(prompt)
        if kind:
            with self.lock:
                KINDS[kind] += 1
        return kind


class Slow(stand_in.Handler):
    """Takes its time over each answer, and tells of the faults when it is asked."""

    delay = 0.0

    def do_GET(self) -> None:  # noqa: N802 - named by http.server
        """As the stand-in, with ``/kinds`` added."""
        if self.path == "/kinds":
            self.send(200, dict(KINDS))
        else:
            super().do_GET()

    def do_POST(self) -> None:  # noqa: N802 - named by http.server
        """As the stand-in, later. A client that is killed may leave half a request behind."""
        time.sleep(self.delay)
        with suppress(ValueError):
            super().do_POST()


def main() -> None:
    """Serve, with the options of the stand-in."""
    if "--delay" in sys.argv:
        place = sys.argv.index("--delay")
        Slow.delay = float(sys.argv[place + 1])
        del sys.argv[place : place + 2]
    # The stand-in looks these up when it is called.
    stand_in.say = say
    stand_in.State = Counting  # type: ignore[misc]
    stand_in.Handler = Slow  # type: ignore[misc]
    stand_in.main()


if __name__ == "__main__":
    main()
