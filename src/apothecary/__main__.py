"""``python -m apothecary``, and where the ``apothecary`` command begins."""

import os
import sys

__all__ = ["run"]

try:
    from apothecary.cli.main import run
except KeyboardInterrupt:
    # Ctrl-C while Python still loads the program: nothing has begun, so nothing need be told but this.
    print("interrupted", file=sys.stderr, flush=True)
    os._exit(130)

if __name__ == "__main__":
    run()
