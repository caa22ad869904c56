"""A packed corpus: what goes in comes out, and what was altered is named."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulmfit_lib import packing
from ulmfit_lib.commands import app
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.pack_texts import pack_files
from ulmfit_lib.packing import Packer, unpack
from ulmfit_lib.vocab import Vocab, count_tokens, make_vocab

DOCS = [["xxbos", "the", "film", "is", "good"], ["xxbos", "the", "end"], []]


def packed(tmp_path, **options):
    packer = Packer("toy")
    for doc, label in zip(DOCS, ["pos", "neg", None], strict=True):
        packer.add("train", doc, label)
    packer.add("test", ["the", "zyzzyva"], "neg")
    return packer.write(tmp_path / "toy", min_freq=1, **options)


def test_what_goes_in_comes_out(tmp_path):
    found = unpack(packed(tmp_path, origin={"sha256": "ab"}))
    assert found.name == "toy"
    assert found.origin == {"sha256": "ab"}
    train = found.parts["train"]
    assert [found.vocab.denumericalize(doc.tolist()) for doc in train.docs] == DOCS
    assert [found.label_names[n] if n >= 0 else None for n in train.labels] == ["pos", "neg", None]
    assert found.vocab.denumericalize(found.parts["test"].docs[0].tolist()) == ["the", "xxunk"]


def test_the_vocabulary_is_the_one_of_the_counted_parts(tmp_path):
    assert unpack(packed(tmp_path)).vocab.tokens == make_vocab(count_tokens(DOCS), min_freq=1)


def test_ids_take_two_bytes_where_they_fit(tmp_path):
    assert unpack(packed(tmp_path)).parts["train"].docs[0].dtype == np.uint16
    packer = Packer("large", Vocab(["xxunk", *(f"w{i}" for i in range(1 << 16))]))
    packer.add("train", ["w65535"])
    assert unpack(packer.write(tmp_path / "large")).parts["train"].docs[0].tolist() == [1 << 16]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefg"), max_size=9), min_size=1, max_size=12), st.integers(1, 8))
def test_pieces_hold_the_documents_in_order(tmp_path_factory, docs, most):
    folder, before = tmp_path_factory.mktemp("pieces") / "c", packing.TOKENS_A_PIECE
    packer = Packer("pieces", Vocab(["xxunk", *"abcdefg"]))
    for doc in docs:
        packer.add("train", doc)
    packing.TOKENS_A_PIECE = most
    try:
        packer.write(folder)
    finally:
        packing.TOKENS_A_PIECE = before
    found = unpack(folder)
    assert [found.vocab.denumericalize(doc.tolist()) for doc in found.parts["train"].docs] == docs
    index = json.loads((folder / "packed.json").read_text())
    for piece in index["parts"]["train"]:
        assert piece["tokens"] <= most or piece["docs"] == 1


def test_only_as_many_pieces_as_wanted_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "TOKENS_A_PIECE", 5)
    assert len(unpack(packed(tmp_path), parts=["train"], most_pieces=1).parts["train"].docs) == 1


@pytest.mark.parametrize("how", ["cut", "alter", "remove"])
def test_a_damaged_piece_is_named(tmp_path, how):
    folder = packed(tmp_path)
    piece = folder / "train-000.ids.xz"
    data = piece.read_bytes()
    if how == "remove":
        piece.unlink()
    else:
        piece.write_bytes(data[:-7] if how == "cut" else data[:30] + bytes([data[30] ^ 1]) + data[31:])
    with pytest.raises(ArtifactError, match=r"train-000\.ids\.xz.*(missing|altered)"):
        unpack(folder)


def test_a_damaged_vocabulary_or_index_is_named(tmp_path):
    folder = packed(tmp_path)
    (folder / "vocab.json").write_text('{"tokens": ["xxunk"]}')
    with pytest.raises(ArtifactError, match="vocabulary was altered"):
        unpack(folder)
    (folder / "packed.json").write_text('{"format": 1, "na')
    with pytest.raises(ArtifactError, match="damaged"):
        unpack(folder)
    for place in ("nowhere", "toy/vocab.json"):  # nothing, and a file
        with pytest.raises(ArtifactError, match=r"no packed corpus.*ulmfit pack"):
            unpack(tmp_path / place)


def test_a_missing_vocabulary_is_named(tmp_path):
    (packed(tmp_path) / "vocab.json").unlink()
    with pytest.raises(ArtifactError, match=r"toy.vocab\.json: the vocabulary is missing\. Copy it again\."):
        unpack(tmp_path / "toy")


def test_with_a_vocabulary_no_part_is_counted_and_none_need_be_there(tmp_path):
    (tmp_path / "more.csv").write_text("text\nthe film\n")
    vocab = unpack(packed(tmp_path)).vocab
    out = pack_files({"valid": [tmp_path / "more.csv"]}, tmp_path / "more", name="more", vocab=vocab)
    found = unpack(out)
    assert found.vocab.tokens == vocab.tokens
    assert vocab.denumericalize(found.parts["valid"].docs[0].tolist()) == ["xxbos", "the", "film"]
    with pytest.raises(ConfigError, match="There is no part 'train'; there are valid"):
        pack_files({"valid": [tmp_path / "more.csv"]}, tmp_path / "none", name="none")


def test_parts_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ArtifactError, match="no part 'valid'; it has train, test"):
        unpack(packed(tmp_path), parts=["valid"])
    with pytest.raises(ConfigError, match="no part 'unsup'"):
        Packer("empty").write(tmp_path / "x", count=["unsup"])


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    mine = tmp_path / "toy" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")
    with pytest.raises(ConfigError, match=r"this folder is not a packed corpus: it holds 'thesis.txt', which would be"):
        packed(tmp_path)
    assert mine.read_text() == "years of work"
    mine.unlink()
    assert packed(tmp_path) == packed(tmp_path)  # an empty one, and then an older one of its kind, are replaced


@pytest.mark.parametrize("name", ["thesis.txt", "config.json", "sub"])
def test_an_older_corpus_with_something_else_in_it_is_not_replaced(tmp_path, name):
    mine = packed(tmp_path) / name
    mine.mkdir() if name == "sub" else mine.write_text("years of work")
    with pytest.raises(ConfigError, match=rf"toy: .*it holds '{name}', which would be lost\. Give another folder"):
        packed(tmp_path)
    assert mine.exists()


def test_a_file_or_a_vocabulary_alone_is_not_replaced(tmp_path):
    (tmp_path / "toy").write_text("years of work")
    with pytest.raises(ConfigError, match="there is a file of this name, which would be lost"):
        packed(tmp_path)
    (tmp_path / "toy").unlink()
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "vocab.json").write_text("somebody's")
    with pytest.raises(ConfigError, match=r"it holds 'vocab\.json'"):
        packed(tmp_path)


def test_the_command_refuses_before_it_reads_a_text(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match=r"it holds 'thesis\.txt'"):
        app(["pack", "--train", str(tmp_path / "nowhere.csv"), "--out", str(tmp_path)], standalone_mode=False)
