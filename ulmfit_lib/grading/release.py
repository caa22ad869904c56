"""Make the student release of every problem set: solutions/NN_stage without answers and hidden tests.

python -m ulmfit_lib.grading.release            # write exercises/
python -m ulmfit_lib.grading.release --check    # say whether exercises/ is what would be written

Each release carries a digest of its cells, so that one that was edited by hand is noticed and not written over.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ulmfit_lib.errors import UlmfitError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.course import ROOT, GradingError, nbgrader_api, succeed
from ulmfit_lib.grading.gradebook import knows


def slugs(root: Path = ROOT) -> list[str]:
    """Return the problem sets that solutions/ holds, in order."""
    return sorted(path.parent.name for path in (root / "solutions").glob("*/*.ipynb"))


def generate(root: Path = ROOT, only: Sequence[str] = (), *, in_gradebook: bool = False) -> dict[str, bytes]:
    """Return the released notebook of each problem set (or of those in `only`), made by nbgrader from solutions/.

    With `in_gradebook` the course's gradebook learns of them: of their cells and points.

    Raises:
        GradingError: nbgrader refuses a notebook; its reason is in the message.
    """
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release"
        course = {"release_directory": str(release)}
        if not in_gradebook:
            course["db_url"] = f"sqlite:///{folder}/gradebook.db"
        with nbgrader_api(root, CourseDirectory=course) as api:
            for slug in only or slugs(root):
                source = _digest_of_source(root, slug)
                succeed(api.generate_assignment(slug, force=True, create=True), f"to release {slug}")
                if in_gradebook:
                    write_atomically(_registered(root, slug), source)
        return {slug: _signed((release / slug / f"{slug}.ipynb").read_bytes()) for slug in only or slugs(root)}


def register(root: Path, slug: str) -> None:
    """See that the gradebook knows the problem set as it is released now: its cells and their points."""
    stamp = _registered(root, slug)
    if stamp.exists() and stamp.read_text() == _digest_of_source(root, slug) and knows(root, slug):
        return
    generate(root, [slug], in_gradebook=True)


def outdated(root: Path = ROOT) -> list[str]:
    """Return the problem sets whose notebook in exercises/ is not the one that solutions/ gives."""
    return [slug for slug, content in generate(root).items() if not _same(_released(root, slug), content)]


def edited(root: Path = ROOT) -> list[str]:
    """Return the problem sets whose notebook in exercises/ was changed since it was released."""
    found = []
    for slug in slugs(root):
        path = _released(root, slug)
        if not path.exists():
            continue
        try:
            notebook = json.loads(path.read_bytes())
            said = notebook["metadata"].get("ulmfit", {}).get("release")
            changed = said is not None and said != _digest(notebook["cells"])
        except (ValueError, KeyError, TypeError, AttributeError):
            changed = True
        if changed:
            found.append(slug)
    return found


def write(root: Path = ROOT) -> list[str]:
    """Write every release that changed, and return their names.

    The gradebook learns of all, so that nbgrader's own commands know them before the first `make grade`.

    Raises:
        GradingError: a notebook in exercises/ was edited by hand; nothing is written.
    """
    if by_hand := edited(root):
        raise GradingError(
            f"edited by hand: {', '.join(f'exercises/{slug}' for slug in by_hand)}.",
            fix="Make the change in solutions/ instead, delete the edited notebook, and run `make release` again.",
        )
    changed = []
    for slug, content in generate(root, in_gradebook=True).items():
        if not _same(_released(root, slug), content):
            write_atomically(_released(root, slug), content)
            changed.append(slug)
    return changed


def _digest(cells: list) -> str:
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:32]


def _signed(content: bytes) -> bytes:
    notebook = json.loads(content)
    notebook["metadata"]["ulmfit"] = {"release": _digest(notebook["cells"])}
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _digest_of_source(root: Path, slug: str) -> str:
    return hashlib.sha256((root / "solutions" / slug / f"{slug}.ipynb").read_bytes()).hexdigest()


def _registered(root: Path, slug: str) -> Path:
    """Return where the digest of the source stands that the gradebook has learned."""
    return root / "runs" / "grading" / "registered" / f"{slug}.txt"


def _released(root: Path, slug: str) -> Path:
    return root / "exercises" / slug / f"{slug}.ipynb"


def _same(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def main(arguments: Sequence[str]) -> int:
    """Run the command line above; 1 if exercises/ is not up to date, 2 if something is wrong."""
    try:
        if "--check" in arguments:
            late = outdated()
            print(f"exercises/ is out of date: {', '.join(late)}. Run `make release`." if late else "up to date")
            return 1 if late else 0
        changed = write()
    except UlmfitError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"released: {', '.join(changed)}" if changed else "exercises/ is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
