"""Executes the notebook from top to bottom against the running system and fails where a cell fails; what is shipped stays without outputs.

    python notebooks/run.py [--out executed.ipynb]
"""
import argparse
import pathlib

import nbformat
from nbclient import NotebookClient

FOLDER = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="where to write the notebook with its outputs")
    out = parser.parse_args().out
    notebook = nbformat.read(FOLDER / "regimes.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(FOLDER)}}).execute()
    if out:
        nbformat.write(notebook, out)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    print(f"{cells} cells executed" + (f", with outputs in {out}" if out else ""))


if __name__ == "__main__":
    main()
