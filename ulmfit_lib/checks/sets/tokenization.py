"""Problem set 01: the rules that rewrite a text before it is split into words."""

from collections.abc import Callable
from random import Random

from ulmfit_lib import rules
from ulmfit_lib.checks.adapters.toy_rules import TOY_RULE_NAMES
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.tokenization import MISTAKES

_PLAIN = ("a", "film", "the", "it", "good", "no", "one", "slow")


def _texts(*special: str) -> Callable[[Random], Args]:
    """Short texts of plain words, in which now and then one of the special pieces stands."""

    def draw(rng: Random) -> Args:
        pieces = [rng.choice(special if rng.randint(0, 4) == 4 else _PLAIN) for _ in range(rng.randint(0, 3))]
        return (" ".join(pieces),)

    return draw


def _repeated_words(rng: Random) -> Args:
    """A word repeated one to six times, with other words and marks around it."""
    before = rng.choice(["", "", "it was ", "No, "])
    row = [rng.choice(["very", "no", "ha", "No"])] * rng.choice([1, 1, 1, 2, 2, 3, 4, 6])
    after = rng.choice(["", "", " good", "!", ", good", " nothing", " haha", " verymuch"])
    return (before + " ".join(row) + after,)


def _with_spaces(rng: Random) -> Args:
    spaces = [" ", " ", " ", "  ", "  ", "   ", "\n", "    "]
    words = [rng.choice(_PLAIN) + rng.choice(spaces) for _ in range(rng.randint(0, 4))]
    return ("".join(words) + "end",)


def _with_marks(rng: Random) -> Args:
    (text,) = _texts("The", "END", "McQueen", " ", "\n")(rng)
    return (text, rng.choice([True, True, False]), rng.choice([False, False, True]))


def _letters(rng: Random) -> str:
    return "".join(rng.choice("abc") for _ in range(rng.randint(0, 5)))


def _text_and_rules(rng: Random) -> Args:
    return (_letters(rng), [rng.choice(("keep", *TOY_RULE_NAMES)) for _ in range(rng.randint(0, 3))])


def _text_and_two_rules(rng: Random) -> Args:
    first = rng.choice(TOY_RULE_NAMES)
    return (_letters(rng), first, rng.choice((first, first, *TOY_RULE_NAMES)))


def order_matters(text: str, first: rules.Rule, second: rules.Rule) -> bool:
    """Say whether two rules give another text when they change places.

    >>> order_matters("No No No", rules.replace_wrep, rules.replace_maj)
    True
    """
    return second(first(text)) != first(second(text))


_EXERCISES = (
    Exercise(
        name="fix_html",
        points=2,
        difficulty=2,
        minutes=8,
        section="1. What the web leaves behind",
        reference=rules.fix_html,
        examples=[
            ("plain",),
            ("",),
            ("one<br />two",),
            ("well...",),
            ("<br /><br />",),
            ("Fish #36;5 quot;hot quot;",),
            ("it#39;s nbsp;so",),
            ("R&D &lt;3 &eacute;",),
            ("salt &amp; pepper",),
            ("U @.@ S a @-@ b",),
            ("a <unk> of \\n",),
            ('say \\"hi\\"',),
        ],
        inputs=_texts("<br />", "&lt;b&gt;", "#39;", "well...", "amp;", "&amp;", "nbsp;", "<unk>", "caf&eacute;"),
        hints=(
            "Go through the table of leftovers from top to bottom: str.replace(leftover, meant), one after the other.",
            "'it#39;s' needs one row of the table and becomes \"it's\"; '&lt;' is in no row: html.unescape knows it.",
            "Reread “1. What the web leaves behind”: the table first, html.unescape last.",
        ),
        mistakes=MISTAKES["fix_html"],
    ),
    Exercise(
        name="replace_rep",
        points=3,
        difficulty=3,
        minutes=12,
        section="2. A character again and again",
        reference=rules.replace_rep,
        examples=[
            ("ccc",),
            ("",),
            ("cc",),
            ("cccc",),
            ("!!!",),
            ("a   b",),
            ("soooo",),
            ("111",),
            ("aaabbb",),
            ("Aaa aAA",),
            ("\n\n\n",),
        ],
        inputs=_texts("sooo", "oo", "!!!!", "hmmmmm", "11111", "good", "   ", "aaabbb"),
        hints=(
            "In a regular expression, \\1 stands for what the first group matched.",
            "In 'soooo' the group is 'o' and after it come 3 more: the count is 4, and the result 's xxrep 4 o '.",
            "Reread “2. A character again and again”: three or more, never white space, and a space on either side.",
        ),
        properties=(
            Property(
                "no character but white space stands three times in a row",
                lambda args, got: (
                    not any(
                        a == b == c != " " for a, b, c in zip(got, got[1:], got[2:], strict=False) if not a.isspace()
                    )
                ),
            ),
        ),
        mistakes=MISTAKES["replace_rep"],
    ),
    Exercise(
        name="replace_wrep",
        points=3,
        difficulty=4,
        minutes=15,
        section="3. A word again and again",
        reference=rules.replace_wrep,
        examples=[
            ("ha ha ha",),
            ("",),
            ("ha ha",),
            ("ha ha ha ha",),
            ("it was very very very good",),
            ("no no no!",),
            ("no no nothing",),
            ("No no NO",),
            ("ha haha ha",),
            ("no no no nothing",),
        ],
        inputs=_repeated_words,
        hints=(
            "It is replace_rep with words: (\\w+) instead of a character, and white space between the repetitions.",
            "In 'no no no!' the word is 'no', it stands 3 times, and '!' follows: ' xxwrep 3 no !'.",
            "Reread “3. A word again and again”: the same whole word, three times or more.",
        ),
        mistakes=MISTAKES["replace_wrep"],
    ),
    Exercise(
        name="spec_add_spaces",
        points=1,
        difficulty=1,
        minutes=4,
        section="4. Spaces where they help, and where they do not",
        reference=rules.spec_add_spaces,
        examples=[("a/b",), ("",), ("a b",), ("#1",), ("C\\D",), ("a / b",), ("//",), ("a-b, c",)],
        inputs=_texts("and/or", "#1", "10/10", "C\\D", "it-it", "wow!"),
        hints=(
            "Three characters get a space on either side, wherever they stand.",
            "'a/b' becomes 'a / b'; where a space was already there, there are two now, and that is fine.",
            "Reread “4. Spaces where they help, and where they do not”: /, # and the backslash.",
        ),
        mistakes=MISTAKES["spec_add_spaces"],
    ),
    Exercise(
        name="rm_useless_spaces",
        points=1,
        difficulty=1,
        minutes=4,
        section="4. Spaces where they help, and where they do not",
        reference=rules.rm_useless_spaces,
        examples=[("a  b",), ("",), ("a b",), ("a   b",), ("a\n\nb",), (" a",), ("a     b",), ("\t\t",)],
        inputs=_with_spaces,
        hints=(
            "Two spaces or more become one. Only spaces.",
            "In 'a   b' there are three: replacing each pair once would leave two.",
            "Reread “4. Spaces where they help, and where they do not”: line breaks stay.",
        ),
        properties=(Property("no two spaces stand side by side", lambda args, got: "  " not in got),),
        mistakes=MISTAKES["rm_useless_spaces"],
    ),
    Exercise(
        name="replace_all_caps",
        points=3,
        difficulty=3,
        minutes=12,
        section="5. Capitals",
        reference=rules.replace_all_caps,
        examples=[
            ("OK",),
            ("",),
            ("ok",),
            ("I",),
            ("Ok",),
            ("it was NOT I",),
            ("OK!",),
            ("3D 4K",),
            ("(OK)",),
            ("A1 U.S.",),
            ("so GOOD\nthat A B",),
            ("x-RAY X-RAY",),
        ],
        inputs=_texts("NOT", "I", "Film", "A1", "4K", "WOW!", "(OK)", "U.S."),
        hints=(
            "Look at words between white spaces: which of them begin with a capital and have no small letter?",
            "'it was NOT I' becomes 'it was xxup not i': a word of one letter is lowered but gets no mark.",
            "Reread “5. Capitals”: the first character is a capital from A to Z, and no a to z follows.",
        ),
        mistakes=MISTAKES["replace_all_caps"],
    ),
    Exercise(
        name="replace_maj",
        points=2,
        difficulty=3,
        minutes=8,
        section="5. Capitals",
        reference=rules.replace_maj,
        examples=[
            ("Film",),
            ("",),
            ("film",),
            ("A film",),
            ("McQueen",),
            ("Don't stop",),
            ("The End\nIs Near",),
            ("FILM",),
            ("(Film)",),
            ("Film!",),
        ],
        inputs=_texts("The", "A", "McQueen", "Don't", "OK", "(The", "End."),
        hints=(
            "This is replace_all_caps once more: here nothing after the first character may be a capital.",
            "'A film' becomes 'a film' and 'The film' becomes 'xxmaj the film'; 'McQueen' stays as it is.",
            "Reread “5. Capitals”: one capital from A to Z, then no other one up to the white space.",
        ),
        mistakes=MISTAKES["replace_maj"],
    ),
    Exercise(
        name="lowercase",
        points=2,
        difficulty=2,
        minutes=6,
        section="6. The beginning and the end",
        reference=rules.lowercase,
        examples=[
            ("Mc", True, False),
            ("mc", False, False),
            ("mc", True, True),
            ("mc", False, True),
            (" Mc ", True, False),
            ("", True, True),
            ("\nmc\n", False, True),
            ("mc",),
        ],
        inputs=_with_marks,
        hints=(
            "str.lower and str.strip do most of it; the marks come last.",
            "lowercase(' Mc ', True, True) is 'xxbos mc xxeos': the text is stripped before it is marked.",
            "Reread “6. The beginning and the end”: add_bos and add_eos each decide about one mark.",
        ),
        mistakes=MISTAKES["lowercase"],
    ),
    Exercise(
        name="apply_rules",
        points=2,
        difficulty=2,
        minutes=6,
        section="7. All of them, in order",
        reference=rules.apply_rules,
        examples=[
            ("ab", ["add_x"]),
            ("ab", []),
            ("ab", ["double", "add_x"]),
            ("ab", ["add_x", "double"]),
            ("ab", ["drop_first", "double", "add_x"]),
        ],
        inputs=_text_and_rules,
        hints=(
            "Each rule gets what the rule before it returned.",
            "With 'ab' and [double, add_x]: 'ab' -> 'abab' -> 'ababx'.",
            "Reread “7. All of them, in order”: a loop over the rules, and one variable that each of them changes.",
        ),
        adapter="toy_rules.call",
        mistakes=MISTAKES["apply_rules"],
    ),
    Exercise(
        name="order_matters",
        points=1,
        difficulty=2,
        minutes=5,
        section="8. Why the order matters",
        reference=order_matters,
        examples=[
            ("ab", "add_x", "double"),
            ("ab", "keep", "double"),
            ("ab", "swap_a_and_b", "double"),
            ("ab", "drop_first", "swap_a_and_b"),
            ("a", "drop_first", "add_x"),
            ("", "drop_first", "add_x"),
            ("ab", "double", "double"),
            ("ab", "drop_first", "double"),
            ("ab", "reverse", "add_x"),
            ("ab", "reverse", "drop_first"),
        ],
        inputs=_text_and_two_rules,
        hints=(
            "Apply the two rules one after the other, in both orders, and compare the two texts.",
            "'ab' with add_x and double: 'abxabx' one way, 'ababx' the other: True.",
            "Reread “8. Why the order matters”: second(first(text)) is one of the two orders.",
        ),
        adapter="toy_rules.call",
        mistakes=MISTAKES["order_matters"],
    ),
)

PROBLEM_SET = ProblemSet("01_tokenization", "Tokenization and its rules", _EXERCISES)
