"""Run the notebooks of this folder anew and keep what they show.

    python examples/notebooks/build.py [NAME.ipynb ...]

What differs from run to run, or from machine to machine, is left out. Needs nbclient and ipykernel.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

__all__ = ["executed"]

HERE = Path(__file__).parent
SECONDS = 300
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path) -> NotebookNode:
    """The notebook with fresh outputs, run in its own folder with an empty reply cache."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as home:
        client = NotebookClient(
            notebook,
            # Sockets in the file system: nobody else can speak to the kernel.
            config=Config(KernelManager={"transport": "ipc", "ip": f"{home}/kernel"}),
            kernel_name="python3",
            timeout=SECONDS,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
        )
        client.execute(env=os.environ | {"APOTHECARY_HOME": home})
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id, cell.metadata = f"cell-{number}", NotebookNode()
    return notebook


if __name__ == "__main__":
    for each in map(Path, sys.argv[1:] or sorted(HERE.glob("*.ipynb"))):
        nbformat.write(executed(each), each)
        print(each.name, flush=True)
