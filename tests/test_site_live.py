"""The live pieces: they compute what the library computes, run with the standard library alone, and can be left out."""

import json
import shutil
import subprocess
import sys
from itertools import chain

import pytest
from conftest import ROOT, require_or_skip

from ulmfit_lib.authoring import book, npm, site_live
from ulmfit_lib.authoring.live_pieces import ORDERS, LivePieces
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.rules import apply_rules
from ulmfit_lib.streams import LMStream
from ulmfit_lib.tokenizer import Tokenizer
from ulmfit_lib.vocab import Vocab


@pytest.fixture(scope="module")
def data() -> dict:
    return site_live.live_data()


@pytest.fixture(scope="module")
def pieces(data) -> LivePieces:
    return LivePieces(data)


def test_tokens_and_ids_are_those_of_the_library(data, pieces):
    tokenizer, vocab = Tokenizer(), Vocab(data["vocab"])
    for text in shipped_reviews().texts[::24]:
        result = pieces.tokens(text)
        assert result["tokens"] == tokenizer(text)
        assert result["ids"] == vocab.numericalize(result["tokens"])
        assert "".join(part for part, _ in result["steps"][-1]["parts"]) == apply_rules(text)
        assert all(step["changed"] == any(new for _, new in step["parts"]) for step in result["steps"] if step["parts"])


def test_what_a_rule_changed_is_marked(pieces):
    steps = {step["rule"]: step for step in pieces.tokens("so goooood")["steps"]}
    assert steps["replace_rep"]["parts"] == [("so ", False), ("g xxrep 5 o d", True)]
    assert not steps["fix_html"]["changed"]


@pytest.mark.parametrize(("bs", "seq_len"), [(1, 2), (3, 6), (8, 12)])
def test_the_stream_is_the_library_s(data, pieces, bs, seq_len):
    line = [token for doc in data["docs"] for token in doc]
    stream = LMStream([range(len(line))], bs=bs, seq_len=seq_len)
    for number, (x, y) in enumerate(stream.batches()):
        result = pieces.stream(bs, seq_len, number)
        words = [[token for token, _ in row] for row in result["rows"]]
        assert [row[:-1] for row in words] == [[line[place] for place in row] for row in x.tolist()]
        assert [row[1:] for row in words] == [[line[place] for place in row] for row in y.tolist()]
        assert result["batches"] == len(stream)
        assert all(sum(length for _, _, length in runs) == stream.batch_length for runs in result["owners"])
    assert pieces.stream(bs, seq_len, 10_000) == pieces.stream(bs, seq_len, len(stream) - 1)


def test_sorting_saves_padding(pieces):
    as_they_come, ordered, shuffled = (pieces.padding(8, order) for order in ORDERS)
    assert ordered["waste"] < as_they_come["waste"]
    assert sorted(chain.from_iterable(shuffled["batches"])) == sorted(pieces.lengths)
    assert as_they_come["batches"][0] == pieces.lengths[:8]


def test_the_modules_run_with_the_standard_library_alone(tmp_path, data):
    """As in the browser: another folder, no packages, and the data as JSON."""
    site_live.write_modules(tmp_path / "ulmfit_lib.zip")
    (tmp_path / "data.json").write_text(json.dumps(data), encoding="utf-8")
    code = (
        "import sys, json; sys.path.insert(0, 'ulmfit_lib.zip')\n"
        "from ulmfit_lib.authoring.live_pieces import LivePieces\n"
        "import ulmfit_lib; assert 'ulmfit_lib.zip' in ulmfit_lib.__file__\n"
        "call = LivePieces(json.load(open('data.json', encoding='utf-8'))).call\n"
        "print(call('tokens', json.dumps({'text': 'A  film'})))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tokens"] == ["xxbos", "a", "film"]


def test_packing_the_modules_twice_gives_the_same_bytes(tmp_path):
    for name in ("a.zip", "b.zip"):
        site_live.write_modules(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_without_npm_the_site_is_built_and_says_what_is_missing(tmp_path, monkeypatch, capsys):
    root = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    text = "# Title\n\n" + "A sentence with a few words. " * 20 + "\n\n```{live} tokens\n```\n"
    (root / "book" / "index.md").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ULMFIT_NPM_CACHE", str(tmp_path / "cache"))
    assert book.main(["--root", str(root)]) == 0
    assert "live pieces left out: npm is not installed" in capsys.readouterr().out
    page = (root / "_build" / "html" / "book" / "index.html").read_text(encoding="utf-8")
    assert page.count("was built without it") == 1
    assert "data-piece" not in page
    assert "live.js" not in page
    assert not (root / "_build" / "html" / "_static" / "live").exists()


# --- npm ---


def test_a_package_is_fetched_once_and_compared_with_its_checksum(tmp_path, monkeypatch):
    def pack(_, package, folder):
        archive = folder / "package.tgz"
        subprocess.run(["tar", "czf", archive, "-C", tmp_path, "package"], check=True)
        return archive

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.js").write_text("1")
    subprocess.run(["tar", "czf", tmp_path / "sample.tgz", "-C", tmp_path, "package"], check=True)
    monkeypatch.setattr(npm, "_pack", pack)
    monkeypatch.setattr(npm.shutil, "which", lambda _: "npm")
    wrong = npm.Package("sample", "1.0", "sha512-wrong")
    with pytest.raises(ConfigError, match="its checksum differs"):
        npm.fetch(wrong, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    monkeypatch.setattr(npm, "integrity_of", lambda _: "sha512-wrong")
    folder = npm.fetch(wrong, tmp_path / "cache")
    assert (folder / "a.js").read_text() == "1"
    monkeypatch.setattr(npm, "_pack", None)
    assert npm.fetch(wrong, tmp_path / "cache") == folder


def test_the_checksum_is_npm_s(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert npm.integrity_of(tmp_path / "empty") == (
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
    )


def test_a_registry_that_does_not_answer_is_named(tmp_path, monkeypatch):
    fake = tmp_path / "npm"
    fake.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(npm.shutil, "which", lambda _: str(fake))
    with pytest.raises(ConfigError, match=r"npm could not fetch pyodide .*ENOTFOUND"):
        npm.fetch(npm.PYODIDE, tmp_path / "cache")


def test_fetching_beforehand_says_what_could_not_be_had(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ULMFIT_NPM_CACHE", str(tmp_path))
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    assert npm.main() == 0
    said = capsys.readouterr().out
    assert said.count("npm is not installed") == len(npm.ALL) == 3


def test_pyodide_holds_the_files_that_the_site_needs():
    folder, why = site_live.pyodide()
    require_or_skip("npm", folder is not None, why)
    assert all((folder / name).stat().st_size > 0 for name in site_live.PYODIDE_FILES)
