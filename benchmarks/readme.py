"""Write what results/ holds into the README, each table between its two markers.

python benchmarks/readme.py           # make bench runs the benchmarks of speed first
"""

import sys
from pathlib import Path

from accuracy_table import accuracy_table
from speed_table import speed_table

from ulmfit_lib.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
TABLES = {"accuracy": accuracy_table, "speed": speed_table}


def with_tables(readme: str, folder: Path) -> str:
    """Return the README with every table made anew from the receipts in a folder."""
    for name, table in TABLES.items():
        readme = with_table(readme, name, table(folder))
    return readme


def with_table(readme: str, name: str, text: str) -> str:
    """Return the README with a table between its markers.

    Raises:
        ValueError: the markers are not there, each once.
    """
    begin, end = f"<!-- {name}: begin (benchmarks/readme.py writes this) -->", f"<!-- {name}: end -->"
    if readme.count(begin) != 1 or readme.count(end) != 1:
        raise ValueError(f"The README must hold {begin} and {end}, each once.")
    before, rest = readme.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def main() -> int:
    """Write the tables."""
    path = ROOT / "README.md"
    write_atomically(path, with_tables(path.read_text(encoding="utf-8"), ROOT / "results"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
