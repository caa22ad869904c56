"""No number on a page is typed: it is computed, read from a receipt, or comes with its source."""

import csv
import json
import re

import nbformat
import pytest
from conftest import ROOT

from ulmfit_lib.authoring import corpus_statistics, site_results
from ulmfit_lib.authoring.reviews import Review, read_reviews
from ulmfit_lib.authoring.site_check import pages_of
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.receipts import read_receipt

RESULTS = ROOT / "results"
PAGES = pages_of(ROOT / "_toc.yml")
MEASURED = re.compile(
    r"(?<![\w.])\d[\d.,]*\s?(?:%|per cent|ppl\b|s\b|ms\b|min\b|seconds?\b|minutes?\b|tokens/s|tokens a second)"
)
SOURCE = re.compile(r"\{cite|\]\(https?:")
NOT_PROSE = re.compile(r"```.*?```|\{result\}`[^`]*`|`[^`]*`", re.DOTALL)


def typed_numbers(markdown: str) -> list[str]:
    """Return each measured number of a text that stands in a paragraph without a source."""
    opened = re.sub(r"^```\{dropdown\}[^\n]*\n(.*?)^```", r"\n\1\n", markdown, flags=re.DOTALL | re.MULTILINE)
    paragraphs = re.split(r"\n\s*\n", opened)
    plain = [(NOT_PROSE.sub(" ", paragraph), paragraph) for paragraph in paragraphs]
    return [found.group() for text, source in plain for found in MEASURED.finditer(text) if not SOURCE.search(source)]


def markdown_of(page: str) -> str:
    notebook = ROOT / f"{page}.ipynb"
    if notebook.exists():
        cells = nbformat.read(notebook, as_version=4).cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return (ROOT / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_no_measured_number_is_typed(page):
    assert typed_numbers(markdown_of(page)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It reaches 94.3 % here.", ["94.3 %"]),
        ("It reaches 94.3% here.", ["94.3%"]),
        ("In 12 s, or 3 min.", ["12 s", "3 min"]),
        ("That is 1,200 tokens/s.", ["1,200 tokens/s"]),
        ("A perplexity of 35 ppl.", ["35 ppl"]),
        ("It reaches 94.3 % {cite:p}`someone`.", []),
        ("It reaches 94.3 % ([source](https://example.org)).", []),
        ("It takes {result}`x results.seconds:.0f` s.", []),
        ("Print `f'{100} s'`, bs=64, 3 rows, 2 models.", []),
        ("One source {cite:p}`a`.\n\nAnd 5 % more.", ["5 %"]),
        ("```{dropdown} Answer\nIt is 5 %.\n```\n", ["5 %"]),
    ],
)
def test_what_counts_as_typed(text, found):
    assert typed_numbers(text) == found


# --- the role ---


@pytest.fixture
def folder(tmp_path):
    results = {"texts": 2420, "accuracy": 0.8351, "runs": [{"seconds": 1.25}]}
    (tmp_path / "run.json").write_text(json.dumps({"results": results}), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("run results.texts:,", "2,420"),
        ("run results.texts", "2420"),
        ("run results.accuracy:.1%", "83.5%"),
        ("run results.runs.0.seconds:.1f", "1.2"),
    ],
)
def test_an_entry_of_a_receipt_is_written_as_asked(folder, asked, said):
    assert site_results.stated(asked, folder) == said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("walk results.texts", "no such receipt"),
        ("run results.nothing", "no entry results.nothing"),
        ("run results.runs.7", "no entry"),
        ("run results.runs:.1f", "cannot be written"),
        ("run", "does not name a receipt and an entry"),
    ],
)
def test_an_entry_that_does_not_exist_is_named(folder, asked, said):
    with pytest.raises(ArtifactError, match=said):
        site_results.stated(asked, folder)


def test_a_model_has_a_card_as_soon_as_its_receipt_asks_for_one(folder):
    assert site_results.cards(folder) == []
    receipt = {
        "command": "ulmfit pretrain a|b",
        "data": {"name": "articles", "rows": 3, "sha256": "0123456789ab" + "f" * 52},
        "model_card": {"title": "Small, forward", "what": "A language model.", "limits": "It is small."},
        "results": {"perplexity": 60.5, "parameters": 1883928},
    }
    (folder / "small.json").write_text(json.dumps(receipt), encoding="utf-8")
    (card,) = site_results.cards(folder)
    assert card.startswith("## Small, forward\n\n**What it is.** A language model.")
    results, made = card.split("```{dropdown}")
    assert "| perplexity | 60.5 |\n| parameters | 1,883,928 |" in results
    assert "| data, sha256 | 0123456789ab… |" in made  # a whole one makes a table wider than the page
    assert "| data, rows | 3 |" in card
    assert "a\\|b" in card
    assert "What it is for" not in card


def test_scores_stand_in_a_table_of_their_own_and_forward_comes_first(folder):
    for name in ("backward", "forward"):
        scores = {"news valid": {"loss": 3.83412, "unknown_rate": 0.09}, "news test": {"loss": 3.9}}
        receipt = {"model_card": {"title": name}, "results": {"parameters": 12345, "scores": scores}}
        (folder / f"model_{name}.json").write_text(json.dumps(receipt), encoding="utf-8")
    first, second = site_results.cards(folder)
    assert first.startswith("## forward")
    assert second.startswith("## backward")
    assert "| measured on | loss | unknown rate |\n|---|---|---|\n| news valid | 3.834 | 0.09 |" in first
    assert "| news test | 3.9 | – |" in first
    assert "scores," not in first
    assert "| parameters | 12,345 |" in first


def test_the_table_of_problem_sets_adds_up():
    lines = site_results.problem_sets(ROOT / "exercises").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    for column in (1, 2, 3):
        assert sum(int(row[column]) for row in rows[:-1]) == int(rows[-1][column]) > 0
    graded = sum(
        cell.metadata.get("nbgrader", {}).get("points", 0)
        for cell in nbformat.read(ROOT / "exercises/04_streams/04_streams.ipynb", as_version=4).cells
    )
    (streams,) = [row for row in rows if row[0].startswith("04")]
    assert int(streams[2]) == graded


# --- the run that the last chapters judge ---


def test_the_stored_predictions_are_those_of_the_course_run():
    lines = read_receipt(RESULTS / "course_run.json")["results"]["lines"]
    rows = list(csv.DictReader((RESULTS / "course_predictions.csv").open(encoding="utf-8", newline="")))
    asked = [line["direction"] if line["stage"] == "classifier" else line["stage"] for line in lines]
    scored = {name: line["accuracy"] for name, line in zip(asked, lines, strict=True) if line["low"] is not None}
    assert set(scored) == {"forward", "backward", "ensemble", "TF-IDF floor"}
    for name, accuracy in scored.items():
        right = sum(row[name] == row["label"] for row in rows)
        assert right / len(rows) == pytest.approx(accuracy), name
    for row in rows:
        assert (float(row["p(pos)"]) > float(row["p(neg)"])) == (row["ensemble"] == "pos")


# --- the statistics of the datasheet ---


def test_the_stored_statistics_are_those_of_the_shipped_reviews():
    receipt = read_receipt(RESULTS / "corpus.json")
    reviews = read_reviews()
    stored = dict(receipt["results"]["shipped"])
    floor = stored.pop("floor_accuracy")
    assert stored == corpus_statistics.by_split(reviews)
    assert receipt["data"]["rows"] == len(reviews)
    parts = {split: [review for review in reviews if review.split == split] for split in ("train", "test")}
    assert floor == pytest.approx(corpus_statistics.floor_accuracy(parts["train"], parts["test"]), abs=0.005)
    assert floor < 0.92  # harder than that, or the corpus would flatter every model


def test_the_statistics_of_imdb_are_those_of_its_files(outside_data):
    stored = read_receipt(RESULTS / "corpus.json")["results"]["imdb"]
    assert stored == corpus_statistics.by_split(corpus_statistics.read_imdb(outside_data / "imdb"))


def test_statistics_by_hand():
    reviews = [
        Review("1", "a b c", "pos", "train", "F (1990)"),
        Review("2", "a<br />b", "neg", "train", "F (1990)"),
        Review("3", "a b c", "pos", "test", "G (1990)"),
    ]
    assert corpus_statistics.by_split(reviews)["train"] == {
        "reviews": 2,
        "different_texts": 2,
        "films": 1,
        "pos": 1,
        "neg": 1,
        "words": 5,
        "mean_words": 2.5,
        "median_words": 2.5,
        "shortest": 2,
        "longest": 3,
        "with_br": 1,
    }
