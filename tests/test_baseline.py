"""The floor: it learns from the training texts alone, and beats guessing."""

import numpy as np
import pytest

from ulmfit_lib.baseline import tfidf_floor
from ulmfit_lib.data import read_texts
from ulmfit_lib.errors import DataError

TRAIN = ["a good film", "good fun", "a bad film", "bad acting"]
LABELS = [1, 1, 0, 0]


def test_it_learns_which_word_gives_the_label_away():
    floor = tfidf_floor(TRAIN, LABELS, ["good", "bad", "unheard"])
    assert floor.probs.shape == (3, 2)
    assert np.allclose(floor.probs.sum(axis=1), 1)
    assert floor.probs.argmax(axis=1)[:2].tolist() == [1, 0]
    assert floor.probs[2] == pytest.approx([0.5, 0.5], abs=0.05)  # no word is known: the share of each label


def test_words_and_pairs_of_words_are_counted():
    words = ["acting", "bad", "film", "fun", "good"]  # "a" is too short
    pairs = ["good film", "good fun", "bad film", "bad acting"]
    assert tfidf_floor(TRAIN, LABELS, ["x"]).n_features == len(words) + len(pairs)


def test_nothing_is_learned_from_the_texts_that_are_asked_about():
    alone = tfidf_floor(TRAIN, LABELS, ["a good film"])
    beside = tfidf_floor(TRAIN, LABELS, ["a good film", *["good word"] * 50])
    assert np.array_equal(alone.probs[0], beside.probs[0])
    assert alone.n_features == beside.n_features


def test_texts_that_cannot_be_learned_from_are_refused():
    with pytest.raises(DataError, match="at least two labels"):
        tfidf_floor(["a film", "a film"], [0, 0], ["x"])
    with pytest.raises(DataError, match="too few words"):
        tfidf_floor(["a", "b"], [0, 1], ["x"])


def test_the_floor_of_fastais_sample(outside_data):
    texts = read_texts(outside_data / "imdb_sample" / "texts.csv")
    train, valid = texts.subset("train"), texts.subset("valid")
    probs = tfidf_floor(train.texts, train.label_ids(), valid.texts).probs
    assert 0.80 < np.mean(probs.argmax(axis=1) == valid.label_ids()) < 0.90
