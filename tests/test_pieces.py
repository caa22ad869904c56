"""Files that are made piece by piece: what a killed command has done is not done again, and the file is the same."""

import json
import os
import shutil
import signal
import subprocess
import sys
from itertools import chain

import pytest
from test_cli import call
from test_commands import artifacts, made, place, same_threads  # noqa: F401

from ulmfit_lib import asking
from ulmfit_lib.commands import tokenize
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.pieces import pieces
from ulmfit_lib.unfinished import unfinished, unfinished_folder

AT_ONCE = 9  # of the 38 texts of `made`: five pieces, the last one not full

# A command that is killed while its second piece is half written, and the first one is whole.
KILLED = f"""
import os, signal
from ulmfit_lib import asking, files, pieces
from ulmfit_lib.commands import tokenize
asking.AT_ONCE = tokenize.AT_ONCE = {AT_ONCE}
write = pieces.write_atomically
def write_half(path, content):
    if path.name == "000001.done":
        with files.write_beside(path, content[:9].encode()):
            os.kill(os.getpid(), signal.SIGKILL)
    return write(path, content)
pieces.write_atomically = write_half
from ulmfit_lib import cli
cli.main()
"""


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(asking, "AT_ONCE", AT_ONCE)
    monkeypatch.setattr(tokenize, "AT_ONCE", AT_ONCE)


def command(made, name, out):  # noqa: F811
    """Return the words of a command that writes piece by piece."""
    texts = ["--texts", made / "films.csv", "--out", out]
    classifiers = [word for way in ("forward", "backward") for word in ("--classifier", artifacts(made, way)[1])]
    words = {
        "tokenize": texts,
        "predict": [*classifiers, "--threads", 1, *texts],
        "ensemble": [*classifiers, "--threads", 1, "--split", "train", *texts],
    }
    return [name, *map(str, words[name])]


def content(out, name):
    """Return what a command wrote; a receipt without its times."""
    return json.loads(out.read_bytes())["results"] if name == "ensemble" else out.read_bytes()


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", ["tokenize", "predict", "ensemble"])
def test_a_command_that_was_killed_goes_on_to_the_same_file(made, capsys, tmp_path, root, name):  # noqa: F811
    whole, out, other = (tmp_path / folder / "out.jsonl" for folder in ("whole", "killed", "other"))
    assert call(capsys, *command(made, name, whole))[0] == 0

    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", KILLED, *command(made, name, out)]
    died = subprocess.run(words, env=environment, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    left = unfinished_folder(out) / "resume"
    assert [path.name for path in left.glob("*.done")] == ["000000.done"]
    assert not out.exists()
    shutil.copytree(unfinished_folder(out), unfinished_folder(other))

    code, _, err = call(capsys, *command(made, name, out))
    assert code == 2
    assert err[-1].endswith("Go on with it by --resume, or delete it and begin anew by --restart.")
    choice = ["--lang", "de"] if name == "tokenize" else ["--precision", "fp16"]
    code, _, err = call(capsys, *command(made, name, out), "--resume", *choice)
    assert code == 2
    assert "the interrupted run was begun with" in err[-1]

    code, _, err = call(capsys, *command(made, name, out), "--resume")
    assert code == 0, err
    assert content(out, name) == content(whole, name)
    assert not unfinished_folder(out).exists()
    receipt = out if name == "ensemble" else out.with_name(f"{out.name}.run.json")
    assert len(json.loads(receipt.read_bytes())["sittings"]) == 2

    # What was there is not made again: if it says something else, so does the file.
    piece = unfinished_folder(other) / "resume" / "000000.done"
    kept = json.loads(piece.read_bytes())
    for row in kept if name == "tokenize" else chain.from_iterable(kept.values()):
        row.reverse()
    piece.write_text(json.dumps(kept))
    assert call(capsys, *command(made, name, other), "--resume")[0] == 0
    assert content(other, name) != content(whole, name)


def stopped_at(out, number, **how):
    """Make pieces in a place and be interrupted at one; return those that came."""
    came = []
    with unfinished(out, {}, {"start": ""}, is_file=True, **how) as work:
        for piece in pieces(work, lambda n_there: iter(range(10 * n_there, 90, 10))):
            came.append(piece)
            if len(came) > number:
                raise KeyboardInterrupt
    return came


def test_begun_anew_nothing_of_before_is_used(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        stopped_at(tmp_path / "a", 3)
    (unfinished_folder(tmp_path / "a") / "resume" / "000001.done").write_text("11")
    assert stopped_at(tmp_path / "a", 9, restart=True) == [0, 10, 20, 30, 40, 50, 60, 70, 80]


def test_a_damaged_piece_is_named(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        stopped_at(tmp_path / "a", 1)
    (unfinished_folder(tmp_path / "a") / "resume" / "000000.done").write_bytes(b'["xxb')
    with pytest.raises(ArtifactError, match=r"000000\.done: this piece is damaged\. Begin anew by --restart") as raised:
        stopped_at(tmp_path / "a", 1, resume=True)
    assert not hasattr(raised.value, "__notes__")  # that --resume goes on, which it does not


@pytest.mark.parametrize(("fix", "note"), [("", True), ("Light a candle.", False)])
def test_an_error_has_a_note_unless_it_says_what_to_do(tmp_path, fix, note):
    def stop():
        with unfinished(tmp_path / "a", {}, {"start": ""}) as work:
            work.place("000000.done").write_text("[]")
            raise ArtifactError("the lights went out.", fix=fix)

    with pytest.raises(ArtifactError) as raised:
        stop()
    said = f"What is done lies in {unfinished_folder(tmp_path / 'a')}; the same command with --resume goes on."
    assert getattr(raised.value, "__notes__", []) == ([said] if note else [])


def test_without_a_place_nothing_is_kept():
    assert list(pieces(None, lambda n_there: iter([n_there, 1]))) == [0, 1]


def test_what_is_only_shown_cannot_be_gone_on_with(made, capsys):  # noqa: F811
    code, _, err = call(capsys, "predict", "--classifier", artifacts(made)[1], "a", "--resume")
    assert (code, err) == (2, ["ulmfit: --resume and --restart need --out: what is only shown is not kept."])


def test_what_is_no_file_is_not_replaced_by_one(made, capsys, tmp_path):  # noqa: F811
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path, tmp_path / "pipe"):
        code, _, err = call(capsys, *command(made, "tokenize", out))
        assert code == 2
        assert err == [f"ulmfit: {out}: there is a folder or device of this name, and a file is to be written."]
    assert [path.is_fifo() for path in tmp_path.iterdir()] == [True]


def test_a_place_that_cannot_be_written_is_named(made, capsys, tmp_path):  # noqa: F811
    (tmp_path / "out.jsonl.unfinished").write_text("in the way")
    code, _, err = call(capsys, *command(made, "tokenize", tmp_path / "out.jsonl"))
    assert code == 2
    assert err[-1].startswith(f"ulmfit: {tmp_path}: this place cannot be written: ")
