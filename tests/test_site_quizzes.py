"""The questions of the chapters: each has one right option and a reason for every option, and the site can tell."""

import re

import nbformat
import pytest
import yaml
from conftest import ROOT
from markdown_it import MarkdownIt

from ulmfit_lib.authoring.quizzes import mark_up, questions_of
from ulmfit_lib.authoring.site_check import pages_of

SOURCE = """## Five questions

**1. How `many`?**
a) Two. b) Three; see f(a). c) It (b) depends.

<details><summary>Answer</summary>

**b.** Three are needed. a) and c) That is
one too few.
</details>
"""
CHAPTERS = [page for page in pages_of(ROOT / "_toc.yml") if re.match(r"book/\d\d_", page)]


def html_of(markdown: str) -> str:
    return MarkdownIt("commonmark").render(markdown)


def questions_in(page: str) -> list:
    notebook = nbformat.read(ROOT / f"{page}.ipynb", as_version=4)
    return questions_of(html_of("\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")))


@pytest.mark.parametrize("page", CHAPTERS)
def test_each_chapter_has_five_questions_with_a_reason_for_every_option(page):
    questions = questions_in(page)
    assert [question.number for question in questions] == list("12345")
    assert [problem for question in questions for problem in question.problems()] == []


def test_the_right_answer_is_not_always_the_same_one():
    right = [question.right for page in CHAPTERS for question in questions_in(page)]
    assert len(set(right)) >= 3
    assert max(map(right.count, set(right))) < 0.8 * len(right)


def test_a_question_is_taken_apart():
    (question,) = questions_of(html_of(SOURCE))
    assert question.asked == "How <code>many</code>?"
    assert question.options == {"a": "Two.", "b": "Three; see f(a).", "c": "It (b) depends."}
    assert question.right == "b"
    assert question.reasons == [("b", "Three are needed."), ("ac", "That is\none too few.")]
    assert question.problems() == []


def test_on_the_page_options_are_a_list_and_nothing_that_was_written_is_lost():
    before = html_of(SOURCE)
    after = mark_up(before)
    assert re.findall(r'data-option="(.)"', after) == ["a", "b", "c"]
    assert re.findall(r'data-reason="(\w+)"', after) == ["b", "ac"]
    assert 'data-right="b"' in after
    words = set(re.findall(r"\w+", re.sub(r"<[^>]+>", " ", before)))
    assert words <= set(re.findall(r"\w+", re.sub(r"<[^>]+>", " ", after)))
    assert mark_up(after) == after


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a) and c) That", "a) That", "there are reasons for ['a', 'b'], and options ['a', 'b', 'c']"),
        ("c) It (b) depends.", "", "there are reasons for ['a', 'b', 'c'], and options ['a', 'b']"),
        ("**b.** Three are needed.", "**b.** Three are needed. b) Again.", "reasons for ['a', 'b', 'b', 'c']"),
        ("b) Three", "e) Three", "they must run a), b), c)"),
    ],
)
def test_a_faulty_question_is_named_and_left_as_it_was(old, new, said):
    assert old in SOURCE
    body = html_of(SOURCE.replace(old, new))
    (question,) = questions_of(body)
    assert any(said in problem for problem in question.problems())
    assert mark_up(body) == body


def test_a_fold_that_is_no_question_is_left_alone():
    body = html_of("**Hint**\n\n<details><summary>More</summary>\n\ntext\n</details>\n")
    assert mark_up(body) == body
    assert questions_of(body) == []


def test_the_contents_list_chapters():
    assert yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["root"] == "book/index"
    assert len(CHAPTERS) >= 4
