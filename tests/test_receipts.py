"""Receipts: complete, publishable as they are, written whole."""

import json
import re
from datetime import datetime, timedelta

import pytest

from ulmfit_lib import __version__, receipts
from ulmfit_lib.data import Texts
from ulmfit_lib.errors import ArtifactError

TEXTS = Texts(["a", "b"], ["x", "y"], ["train", "test"], name="films.csv", sha256="ab" * 32)


@pytest.fixture(scope="module")
def receipt():
    opened = receipts.start_receipt("ulmfit run --texts films.csv", seed=7, data=TEXTS, options={"direction": "both"})
    return receipts.finish_receipt(opened, {"accuracy": 0.75})


def test_a_receipt_says_what_was_run_on_what_with_what(receipt):
    assert receipt["command"] == "ulmfit run --texts films.csv"
    assert receipt["seed"] == 7
    assert receipt["data"] == {"name": "films.csv", "rows": 2, "sha256": "ab" * 32}
    assert receipt["options"] == {"direction": "both"}
    assert receipt["results"] == {"accuracy": 0.75}
    assert set(receipt["hardware"]) == {"processor", "cores", "memory_gb", "gpu", "system"}
    assert receipt["libraries"]["ulmfit_lib"] == __version__
    assert {"python", "torch", "fastai", "numpy", "spacy"} <= set(receipt["libraries"])


def test_the_times_are_utc_and_in_order(receipt):
    start, end = (datetime.fromisoformat(receipt[name]) for name in ("start", "end"))
    assert start.utcoffset() == end.utcoffset() == timedelta(0)
    assert timedelta(0) <= end - start < timedelta(minutes=1)


def test_the_commit_is_ours_or_the_version(receipt, root):
    if (root / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{40}", receipt["commit"])
        assert isinstance(receipt["uncommitted_changes"], bool)
    else:
        assert receipt["commit"] == f"version {__version__}"


def test_without_git_the_version_stands_for_the_commit(monkeypatch):
    monkeypatch.setattr(receipts, "_git", lambda *_: None)
    assert receipts.commit_of_package() == {"commit": f"version {__version__}", "uncommitted_changes": None}


def test_another_repository_around_an_installed_package_is_not_taken_for_ours(monkeypatch, tmp_path):
    answers = {"--show-toplevel": str(tmp_path), "HEAD": "f" * 40, "__init__.py": "__init__.py"}
    monkeypatch.setattr(receipts, "_git", lambda _folder, *arguments: answers.get(arguments[-1], ""))
    assert receipts.commit_of_package()["commit"] == f"version {__version__}"


def test_a_receipt_holds_no_path_and_no_name_of_the_machine(receipt, root):
    import platform

    text = json.dumps(receipt)
    assert str(root) not in text
    assert "/home" not in text
    if len(platform.node()) > 3:
        assert platform.node() not in text


def test_finishing_does_not_change_what_was_started():
    opened = receipts.start_receipt("x")
    receipts.finish_receipt(opened, {"a": 1})
    assert (opened["end"], opened["results"]) == (None, {})


def test_a_receipt_is_read_back_as_it_was_written(receipt, tmp_path):
    path = receipts.write_receipt(tmp_path / "results" / "run.json", receipt)
    assert receipts.read_receipt(path) == receipt
    assert path.read_text().endswith("}\n")
    assert receipts.finish_receipt(receipt, {"b": 2}, tmp_path / "b.json") == receipts.read_receipt(tmp_path / "b.json")


def test_a_receipt_that_cannot_be_written_or_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    with pytest.raises(ArtifactError, match=r"run\.json: there is no such receipt"):
        receipts.read_receipt(path)
    with pytest.raises(ArtifactError, match=r"run\.json: the receipt does not fit into JSON"):
        receipts.write_receipt(path, {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []
    path.write_text('{"command": "ulm')
    with pytest.raises(ArtifactError, match=r"run\.json: the receipt is damaged or cut short"):
        receipts.read_receipt(path)
    path.write_text("[1]")
    with pytest.raises(ArtifactError, match="not a receipt"):
        receipts.read_receipt(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(receipts, "write_atomically", full)
    with pytest.raises(ArtifactError, match=r"run\.json: the receipt cannot be written: No space left"):
        receipts.write_receipt(path, {})
