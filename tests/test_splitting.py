"""How texts are split, as an artifact says it; data sets by name; texts without labels for a language model."""

import pytest

from ulmfit_lib import data, splitting
from ulmfit_lib.data import Texts, find_texts
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError
from ulmfit_lib.material import prepare_unlabelled
from ulmfit_lib.tokenizer import tokenize

REVIEWS = ["What a film! It's a joy.", "A dull, dull film: nobody would watch it twice.", "so so"] * 20


def test_words_are_those_of_the_tokenizer_in_any_language():
    assert splitting.split_texts(REVIEWS) == tokenize(REVIEWS)
    assert splitting.split_texts(REVIEWS, splitting.words("de")) == tokenize(REVIEWS, lang="de")
    assert splitting.splitter(None)(REVIEWS[0]) == tokenize(REVIEWS[:1])[0]


def test_subwords_travel_as_text_and_come_back():
    entries, done = splitting.subwords(REVIEWS, vocab_sz=60), []
    tokens = splitting.split_texts(REVIEWS, entries, progress=done.append)
    assert sum(done) == len(REVIEWS)
    assert tokens == [splitting.splitter(dict(entries))(text) for text in REVIEWS]
    assert "".join(tokens[2]).replace("▁", " ").split() == ["xxbos", "so", "so"]
    assert all(isinstance(value, str) for value in entries.values())


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"kind": "letters"}, "split by 'letters' there"),
        ({"kind": "subwords", "model": "???"}, "model of the subwords is damaged"),
        ({"kind": "subwords", "model": "AAAA"}, "not a model of SentencePiece"),
    ],
)
def test_entries_that_are_not_understood_are_named(entries, words):
    with pytest.raises(ArtifactError, match=words):
        splitting.splitter(entries)


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="words or subwords, not 'letters'"):
        splitting.check_kind("letters")


def test_data_sets_of_fastais_are_fetched_by_name(tmp_path, monkeypatch):
    (tmp_path / "texts.csv").write_text(
        "text,label,is_valid\n" + "".join(f"{i},{'xy'[i % 2]},{i > 3}\n" for i in range(6))
    )
    asked = []

    def untar_data(url):
        asked.append(url)
        return tmp_path

    monkeypatch.setattr("fastai.data.external.untar_data", untar_data)
    monkeypatch.chdir(tmp_path)
    found = find_texts("imdb_sample")
    assert (found.texts, found.splits) == (list("012345"), ["train"] * 4 + ["valid"] * 2)
    for split, label in (("train", "pos"), ("train", "neg"), ("test", "pos"), ("test", "neg"), ("unsup", "")):
        (tmp_path / split / label).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            (tmp_path / split / label / f"{number}.txt").write_text(f"{split} {label} film {number}")
    assert sorted(find_texts("imdb").splits) == ["test"] * 4 + ["train"] * 4 + ["unsup"] * 2
    assert [url.rpartition("/")[2] for url in asked] == ["imdb_sample.tgz", "imdb.tgz"]
    assert find_texts().name == "reviews.csv.gz"
    with pytest.raises(DataError, match="there is no such file or folder"):
        find_texts("imbd")


def test_without_a_network_it_is_said_what_to_do(monkeypatch):
    def untar_data(_url):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("fastai.data.external.untar_data", untar_data)
    with pytest.raises(DataError, match=r"imdb: .*cannot be fetched \(Network is unreachable\)\. Download and unpack"):
        data.fetch("imdb")


def unlabelled(n=20, **splits):
    texts = [f"text number {i}" for i in range(n)]
    parts = ["unsup"] * n
    for split, places in splits.items():
        for place in places:
            parts[place] = split
    return Texts(texts, [None] * n, parts, "toy.csv", "")


def test_a_language_model_needs_no_labels_and_does_not_see_what_measures_it():
    material = prepare_unlabelled(unlabelled(), min_freq=1, seed=3)
    held_out = set(material.valid.places)
    assert len(held_out) == 2
    assert held_out | set(material.unlabelled.places) == set(range(20))
    assert not any(str(place) in material.vocab for place in held_out)
    assert set(prepare_unlabelled(unlabelled(), seed=4).valid.places) != held_out
    material = prepare_unlabelled(unlabelled(valid=[0, 1], test=[2]), min_freq=1)
    assert material.valid.places == [0, 1]
    assert not {0, 1, 2} & set(material.unlabelled.places)
    assert "2" not in material.vocab
    assert 2 in prepare_unlabelled(unlabelled(valid=[0, 1], test=[2]), leak=True).unlabelled.places


def test_too_few_texts_for_a_language_model():
    with pytest.raises(DataError, match=r"toy\.csv: there are too few texts to learn from"):
        prepare_unlabelled(unlabelled(1))
    same = Texts(["a", "a"], [None, None], ["unsup", "unsup"], "toy.csv", "")
    with pytest.raises(DataError, match="at least two that differ"):
        prepare_unlabelled(same)
