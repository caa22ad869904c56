"""Files and folders that are whole or not there, also when the process is killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ulmfit_lib import files
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.unfinished import unfinished, unfinished_folder

FULL = OSError(28, "No space left on device")


def test_a_file_has_the_content_and_the_folder_is_made(tmp_path):
    path = files.write_atomically(tmp_path / "new" / "a.txt", "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    assert files.write_atomically(path, b"\x00").read_bytes() == b"\x00"
    assert files.sha256_of(path) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_gets_the_permissions_that_any_new_file_gets(tmp_path):
    (tmp_path / "plain").touch()
    files.write_atomically(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = files.write_atomically(tmp_path / "a.txt", "old\n")

    def full(_file):
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(path, "new\n")
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_its_block_ends_and_replaces_the_older_one(tmp_path):
    folder = tmp_path / "run"
    for content in ("first", "second"):
        with files.folder_written_atomically(folder) as beside:
            (beside / f"{content}.txt").write_text(content)
            assert not (folder / f"{content}.txt").exists()
        assert [path.name for path in folder.iterdir()] == [f"{content}.txt"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("failure", [FULL, KeyboardInterrupt(), SystemExit(143)])
def test_a_block_that_fails_leaves_the_older_folder_and_nothing_else(tmp_path, failure):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "old.txt").touch()

    def fill():
        with files.folder_written_atomically(folder) as beside:
            (beside / "new.txt").touch()
            raise failure

    with pytest.raises(type(failure)):
        fill()
    assert list(tmp_path.iterdir()) == [folder]
    assert [path.name for path in folder.iterdir()] == ["old.txt"]


def test_a_rename_that_fails_puts_the_older_folder_back(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    rename = os.rename

    def refuse_the_new(source, target):
        if str(source).endswith(".partial"):
            raise FULL
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_the_new)
    with pytest.raises(OSError, match="No space left"), files.folder_written_atomically(folder):
        pass
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_process_had_filled_is_deleted_and_what_a_living_one_fills_is_not(tmp_path):
    folder = tmp_path / "run"
    left = tmp_path / ".run.0a1b2c3d.partial"
    left.mkdir()
    (left / "half.txt").touch()
    os.utime(left, (0, 0))
    with files.folder_written_atomically(folder) as beside:
        os.utime(beside, (0, 0))
        assert not left.exists()
        with files.folder_written_atomically(folder):
            assert beside.exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_process_had_written_of_a_file_is_deleted_and_what_a_living_one_writes_is_not(tmp_path):
    path, left = tmp_path / "a.checkpoint", tmp_path / ".a.checkpoint.0a1b2c3d.partial"
    left.touch()
    os.utime(left, (0, 0))
    with files.write_beside(path, b"mine") as beside:
        os.utime(beside, (0, 0))
        assert not left.exists()
        files.write_atomically(path, b"another's")
        assert beside.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def test_without_locks_only_what_is_a_day_old_is_taken_for_left_behind(tmp_path, monkeypatch):
    """As on Windows, which has no lock that ends with its process."""
    monkeypatch.setattr(files, "fcntl", None)
    old, young = (tmp_path / f".run.{name}.partial" for name in ("0a1b2c3d", "4e5f6a7b"))
    for folder, age in ((old, 25 * 3600), (young, 3600)):
        folder.mkdir()
        os.utime(folder, (time.time() - age, time.time() - age))
    with files.folder_written_atomically(tmp_path / "run") as beside:
        (beside / "a.txt").write_text("a")
    assert sorted(path.name for path in tmp_path.iterdir()) == [young.name, "run"]


_WRITE_FOREVER = """
import sys
from pathlib import Path
from ulmfit_lib.files import folder_written_atomically
number = 0
while True:
    with folder_written_atomically(Path(sys.argv[1])) as beside:
        for name in "abc":
            (beside / name).write_text(str(number))
    number += 1
    if number == 1:
        print("begun", flush=True)
"""


def test_a_process_that_is_killed_at_any_moment_leaves_a_whole_folder(tmp_path, root):
    folder = tmp_path / "killed"
    moments = random.Random(0)
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", _WRITE_FOREVER, str(folder)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert child.stdout.readline() == b"begun\n"
        time.sleep(moments.uniform(0, 0.02))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        files.put_back(folder)  # what every reader and writer does first
        contents = {(folder / name).read_text() for name in "abc"}
        assert len(contents) == 1
    shutil.rmtree(folder)


def test_a_link_to_a_folder_is_replaced_again_and_again(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    for text in ("first", "second", "third"):
        with files.folder_written_atomically(tmp_path / "out") as beside:
            (beside / "file").write_text(text)
        assert (tmp_path / "out" / "file").read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "real"]


def test_a_link_stays_and_the_folder_that_it_leads_to_is_replaced(tmp_path):
    real, out = tmp_path / "big disk" / "real", tmp_path / "out"
    out.symlink_to(real)  # leads nowhere at first
    for text in ("first", "second", "third"):
        with files.folder_written_atomically(out) as beside:
            assert beside.parent == real.parent  # a rename does not lead from one disk to another
            (beside / "file").write_text(text)
        assert (real / "file").read_text() == text
    os.rename(real, real.with_name(".real.older"))  # killed between its two renames
    files.put_back(out)
    assert (out / "file").read_text() == "third"
    assert out.is_symlink()
    assert [path.name for path in real.parent.iterdir()] == ["real"]


def test_an_unfinished_run_lies_beside_the_folder_that_a_link_leads_to(tmp_path):
    real, out = tmp_path / "big disk" / "real", tmp_path / "out"
    real.mkdir(parents=True)
    out.symlink_to(real)
    for text in ("first", "second"):
        with unfinished(out, {}, {"start": ""}) as work:
            assert work.folder == unfinished_folder(out) == real.with_name("real.unfinished")
            (work.folder / "file").write_text(text)
        assert (real / "file").read_text() == text
    assert out.is_symlink()
    assert [path.name for path in real.parent.iterdir()] == ["real"]


@pytest.mark.parametrize("name", [".", "", "..", "here"])
def test_the_folder_that_one_is_in_is_not_replaced(tmp_path, monkeypatch, name):
    (tmp_path / "place").mkdir()
    monkeypatch.chdir(tmp_path / "place")
    (tmp_path / "place" / "here").symlink_to(tmp_path / "place")
    refused = pytest.raises(ConfigError, match="is called in, or one above it, which cannot be replaced")
    with refused, files.folder_written_atomically(Path(name)):
        pass
    with refused, unfinished(Path(name), {}, {"start": ""}):
        pass
    no_file = pytest.raises(ConfigError, match="a file is to be written")
    with no_file, unfinished(Path(name), {}, {"start": ""}, is_file=True):
        pass
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "place"]
