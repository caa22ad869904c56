"""The questions of a chapter, from the plain Markdown of a notebook to a form that a page can work with.

In a notebook a question is a paragraph and a fold:

    **1. How many?**
    a) Two. b) Three.

    <details><summary>Answer</summary>

    **b.** Three are needed. a) That is one too few.
    </details>

On the site its options become a list, and each reason is marked with the option that it belongs to. So the page
reads whole without JavaScript, and `course.js` can make buttons of the options.
"""

import re
from typing import NamedTuple

_QUESTION = re.compile(
    r"<p><strong>(?P<number>\d+)\.\s(?P<asked>(?:(?!</?p>).)*?)</strong>\s*(?P<options>(?:(?!</?p>).)*)</p>\s*"
    r"<details>\s*<summary>Answer</summary>\s*(?P<answer>.*?)</details>",
    re.DOTALL,
)
_OPTION = re.compile(r"(?:^|(?<=\s))([a-e])\)\s+")
_RIGHT = re.compile(r"<strong>([a-e])\.</strong>\s*")
#: One reason may serve several options: "a) and c) ...".
_REASON = re.compile(r"(?:^|(?<=\s))([a-e])\)((?:,\s[a-e]\))*(?:,?\sand\s[a-e]\))?)\s+")


class Question(NamedTuple):
    """A question, its options, which of them is right, and the reasons: (options they are for, text)."""

    number: str
    asked: str
    options: dict[str, str]
    right: str
    reasons: list[tuple[str, str]]

    def problems(self) -> list[str]:
        """Say what keeps it from being a question with one right option and a reason for every one."""
        given = list(self.options)
        found = []
        if len(given) < 2 or given != list("abcde"[: len(given)]):
            found.append(f"question {self.number}: its options are {given}; they must run a), b), c) ...")
        explained = sorted(letter for letters, _ in self.reasons for letter in letters)
        if explained != given:
            found.append(f"question {self.number}: there are reasons for {explained}, and options {given}.")
        return found


def _split(pattern: re.Pattern[str], text: str) -> list[tuple[str, str]]:
    """Cut a text where the pattern matches: (what matched, the text up to the next match)."""
    marks = list(pattern.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [(mark.group(), text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]


def _parse(match: re.Match[str]) -> Question | None:
    answer = re.sub(r"</p>\s*<p>", " ", match["answer"]).strip().removeprefix("<p>").removesuffix("</p>").strip()
    right = _RIGHT.match(answer)
    if right is None:
        return None
    why, *_ = _REASON.split(answer[right.end() :], maxsplit=1)
    others = _split(_REASON, answer[right.end() :])
    reasons = [(right[1], why.strip())]
    reasons += [("".join(re.findall(r"([a-e])\)", mark)), text) for mark, text in others]
    options = {mark.strip()[0]: text for mark, text in _split(_OPTION, match["options"])}
    return Question(match["number"], match["asked"].strip(), options, right[1], reasons)


def questions_of(body: str) -> list[Question]:
    """Return the questions of a page's HTML, in order; a fold of another form is no question."""
    parsed = (_parse(match) for match in _QUESTION.finditer(body))
    return [question for question in parsed if question is not None]


def _page_form(question: Question) -> str:
    name = f"question-{question.number}"
    options = "\n".join(
        f'<li data-option="{letter}"><span class="letter">{letter})</span> {text}</li>'
        for letter, text in question.options.items()
    )
    reasons = "\n".join(
        f'<p data-reason="{letters}"><strong>{" and ".join(f"{letter})" for letter in letters)}</strong> {text}</p>'
        for letters, text in question.reasons
    )
    return (
        f'<div class="quiz" id="{name}" data-right="{question.right}">\n'
        f'<p class="question" id="{name}-asked"><strong>{question.number}. {question.asked}</strong></p>\n'
        f'<ul class="options">\n{options}\n</ul>\n'
        f"<details><summary>Answer</summary>\n"
        f'<p class="right">{question.right}) is right.</p>\n{reasons}\n</details>\n</div>'
    )


def mark_up(body: str) -> str:
    """Give every sound question of a page the form that `course.js` works with, and leave all else alone."""

    def changed(match: re.Match[str]) -> str:
        question = _parse(match)
        return match.group() if question is None or question.problems() else _page_form(question)

    return _QUESTION.sub(changed, body)
