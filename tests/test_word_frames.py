"""Runs put together from frames are split as spaCy splits them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ulmfit_lib import word_frames
from ulmfit_lib.tokenizer import WordTokenizer
from ulmfit_lib.word_frames import Run

MARKS = st.text(st.sampled_from(".,;:!?'\"()[]{}<>-_=+*@#&%$~^|`…—–’‘“”°¦•5a sx".replace(" ", "")), max_size=4)
WORDS = st.one_of(
    st.sampled_from(
        "film well known km in km us th www http com don ll em mr st cannot gonna space or xxmaj re".split()
    ),
    st.text(st.characters(min_codepoint=ord("a"), max_codepoint=ord("z")), min_size=2, max_size=8),
)
RUNS = st.lists(st.tuples(MARKS, WORDS), min_size=1, max_size=3).flatmap(
    lambda pairs: MARKS.map(lambda end: "".join(marks + word for marks, word in pairs) + end)
)


@pytest.fixture(scope="module")
def words():
    return WordTokenizer()


@settings(max_examples=1000)
@given(st.lists(RUNS, min_size=1, max_size=5))
@example(["(well-known),", "film.", "film's", "km-5km", "5km", "a.com", "film:)", "'em", "don't", "mr.", "o.o"])
def test_a_run_from_its_frame_is_split_as_alone(words, runs):
    for run in runs:
        filled = words._frames.fill(run)
        if filled is not None:
            asked = words._ask(run)
            assert filled.words == asked.words
            assert (set(filled.first), set(filled.last)) == (set(asked.first), set(asked.last))


def test_which_runs_have_a_frame(words):
    assert words._frames.fill('"well-known,"').words == ('"', "well", "-", "known", ",", '"')
    assert words._frames.fill("film's").words == ("film", "'s")
    for run in ("don't", "vs.", "'em", "5km", "a1", "...", "café", "film.by", "x"):
        assert words._frames.fill(run) is None, run


def test_a_frame_is_asked_for_once():
    asked = []

    def split(run):
        asked.append(run)
        return Run(tuple(run.replace("(", "( ").split()), ("(",), ())

    frames = word_frames.Frames(split, ["don't"], "en")
    assert frames.fill("(this") == Run(("(", "this"), ("(",), ())
    assert frames.fill("(that") == Run(("(", "that"), ("(",), ())
    assert len(asked) == 1
    assert frames.fill("(don") is None, "spaCy has a special case with this word"
    assert len(asked) == 1


def test_no_frames_for_a_language_whose_rules_were_not_read():
    assert word_frames.Frames(lambda run: Run((run,), (), ()), [], "fr").fill("film") is None


def test_a_full_memory_of_frames_is_emptied(monkeypatch):
    monkeypatch.setattr(word_frames, "_MOST_FRAMES", 2)
    frames = WordTokenizer()._frames
    for run in ("film", "film,", "film!", "film?"):
        assert frames.fill(run).words == ("film", *run[4:])
    assert len(frames._frames) <= 2
