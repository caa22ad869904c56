"""The shipped corpus keeps to what its datasheet says, and the rules that say so can fail."""

import hashlib
from collections import Counter

import pytest

from ulmfit_lib.authoring import reviews as corpus
from ulmfit_lib.authoring.reviews import Review, add, problems, read_blocks, read_reviews
from ulmfit_lib.errors import DataError

WORDS = [f"word{number}" for number in range(400)]
SOUND = Review("r0001", " ".join(WORDS[:80]), "pos", "train", "Jaws Again (1999)")
OTHER = Review("r0002", " ".join(WORDS[100:180]), "neg", "train", "Jaws Again (1999)")


@pytest.fixture(scope="module")
def shipped():
    return read_reviews()


def test_the_shipped_corpus_keeps_every_rule(shipped):
    assert problems(shipped) == []


def test_the_shipped_corpus_is_balanced(shipped):
    counts = Counter((review.split, review.label) for review in shipped)
    for split in ("train", "test"):
        assert counts[split, "pos"] == counts[split, "neg"] > 0
    assert len(shipped) >= 200
    assert len({review.id for review in shipped}) == len(shipped)


def test_reviews_of_a_film_do_not_give_the_label_away(shipped):
    """Most labelled films have reviews of both kinds."""
    labels = {}
    for review in shipped:
        if review.label:
            labels.setdefault(review.film, set()).add(review.label)
    assert sum(len(found) == 2 for found in labels.values()) > 0.5 * len(labels)


def test_checksum_is_that_of_the_file():
    digest, name = corpus.SHIPPED.with_name("SHA256SUMS").read_text().split()
    assert name == corpus.SHIPPED.name
    assert hashlib.sha256(corpus.SHIPPED.read_bytes()).hexdigest() == digest


def test_a_sound_corpus_has_no_problems():
    assert problems([SOUND, OTHER]) == []


@pytest.mark.parametrize(
    ("review", "problem"),
    [
        (OTHER._replace(text="too short"), "2 words"),
        (OTHER._replace(text=" ".join(WORDS[80:340])), "260 words"),
        (OTHER._replace(text=OTHER.text + " a positive review"), "speaks of itself"),
        (OTHER._replace(label=""), "with label ''"),
        (OTHER._replace(split="test"), "both train and test"),
        (OTHER._replace(text=" ".join(WORDS[70:150])), "shares 'word70 word71"),
        (OTHER._replace(text=" ".join(WORDS[10:80])), "too like r0001"),
    ],
)
def test_what_is_wrong_is_named(review, problem):
    assert any(problem in line for line in problems([SOUND, review]))


def test_openings_are_counted():
    many = [
        Review(f"r{n}", f"it was a x{n} " + " ".join(f"y{n}x{i}" for i in range(70)), "pos", "train", "J (1999)")
        for n in range(6)
    ]
    assert problems(many[:5]) == []
    assert problems(many) == ["6 reviews begin with 'it was a'"]


def test_adding_gives_ids_and_a_wrong_one_changes_nothing(tmp_path):
    target, good, bad = tmp_path / "reviews.csv.gz", tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text(f"=== film: Jaws Again (1999) | label: pos | split: train\n{SOUND.text}\n\n")
    bad.write_text("=== film: Jaws Again (1999) | label: unsup | split: unsup\nToo short.\n")
    assert add([good], target) == []
    assert [review.id for review in read_reviews(target)] == ["r0001"]
    before = target.read_bytes()
    assert len(add([bad], target)) == 1
    assert target.read_bytes() == before


def test_a_line_out_of_place_is_named(tmp_path):
    file = tmp_path / "new.txt"
    file.write_text("=== film: Jaws (1999) | label: perhaps | split: train\ntext\n")
    with pytest.raises(DataError, match=r"new\.txt:1"):
        read_blocks(file)
