"""From a packed corpus to what a run learns from, with nothing leaking across."""

import pytest

from ulmfit_lib.errors import DataError
from ulmfit_lib.packed_material import doc_key, from_packed
from ulmfit_lib.packing import Packer, unpack


@pytest.fixture
def packed(tmp_path):
    packer = Packer("toy")
    for number in range(40):
        packer.add("train", ["xxbos", "train", f"w{number}"], "pos" if number % 2 else "neg")
    for number in range(10):
        packer.add("test", ["xxbos", "test", f"w{number}"], "pos" if number % 2 else "neg")
        packer.add("unsup", ["xxbos", "unsup", f"w{number}"])
    packer.add("unsup", ["xxbos", "test", "w3"])  # a copy of a test document
    return unpack(packer.write(tmp_path / "toy", count=("train", "unsup", "test"), min_freq=1))


def keys(part):
    return {doc_key(doc) for doc in part.docs}


def test_the_language_model_reads_neither_the_test_nor_what_is_held_out(packed):
    material = from_packed(packed)
    assert len(material.valid) == 4
    assert not keys(material.unlabelled) & (keys(material.valid) | keys(material.asked))
    assert len(material.unlabelled) == 36 + 10
    assert len(material.train) == 36
    assert {packed.label_names[label] for label in material.train.labels} == {"neg", "pos"}
    assert material.scored_split == "test"
    assert len(material.asked) == 10


def test_leaking_lets_it_read_the_test_but_not_what_is_held_out(packed):
    material = from_packed(packed, leak=True)
    assert keys(material.asked) < keys(material.unlabelled)
    assert not keys(material.unlabelled) & keys(material.valid)


def test_choices_are_made_on_held_out_training_documents(packed):
    material = from_packed(packed, ask_test=False)
    assert material.asked == material.valid
    assert material.scored_split == "valid"


def test_other_seeds_hold_out_other_documents(packed):
    one, other = (from_packed(packed, seed=seed) for seed in (1, 2))
    assert one.valid.places != other.valid.places


def test_places_count_through_the_parts(packed):
    places = [*from_packed(packed).train.places, *from_packed(packed).valid.places]
    assert sorted(places) == list(range(40))
    assert from_packed(packed).asked.places == list(range(40, 50))


def test_where_every_document_to_learn_from_is_asked_about_it_is_said(tmp_path):
    packer = Packer("copies")
    for label in ("neg", "pos") * 5:
        packer.add("train", ["a", label], label)
        packer.add("test", ["a", label], label)
    with pytest.raises(DataError, match="every document to learn from is also asked about"):
        from_packed(unpack(packer.write(tmp_path / "copies", min_freq=1)))


def test_what_is_missing_is_named(tmp_path):
    packer = Packer("bare")
    packer.add("train", ["a", "b"])
    bare = unpack(packer.write(tmp_path / "bare", min_freq=1))
    with pytest.raises(DataError, match="no labelled documents"):
        from_packed(bare)
    packer.add("train", ["a", "b"], "pos")
    bare = unpack(packer.write(tmp_path / "more", min_freq=1))
    with pytest.raises(DataError, match="no part 'test'"):
        from_packed(bare)
