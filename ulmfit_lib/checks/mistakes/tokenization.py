"""Wrong answers to problem set 01; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("fix_html")
def unescapes_only(text):
    """html.unescape knows HTML's own entities, but not the leftovers of the table, such as '#39;' or '<br />'."""
    import html

    return html.unescape(text)


@MISTAKES.of("fix_html")
def deletes_line_breaks(text):
    """'<br />' stands for a line break: replace it by '\\n', do not delete it."""
    import html

    table = [("#39;", "'"), ("amp;", "&"), ("#146;", "'"), ("nbsp;", " "), ("#36;", "$"), ("\\n", "\n")]
    table += [("quot;", "'"), ("<br />", ""), ('\\"', '"'), ("<unk>", "xxunk"), (" @.@ ", "."), (" @-@ ", "-")]
    for leftover, meant in [*table, ("...", " …")]:
        text = text.replace(leftover, meant)
    return html.unescape(text)


@MISTAKES.of("fix_html")
def glues_the_ellipsis(text):
    """Three dots become a space and '…', so that the splitter takes the '…' for a word of its own."""
    import html

    table = [("#39;", "'"), ("amp;", "&"), ("#146;", "'"), ("nbsp;", " "), ("#36;", "$"), ("\\n", "\n")]
    table += [("quot;", "'"), ("<br />", "\n"), ('\\"', '"'), ("<unk>", "xxunk"), (" @.@ ", "."), (" @-@ ", "-")]
    for leftover, meant in [*table, ("...", "…")]:
        text = text.replace(leftover, meant)
    return html.unescape(text)


@MISTAKES.of("fix_html")
def forgets_unescape(text):
    """The table is done, but HTML's other entities ('&lt;', '&eacute;') are left: html.unescape turns them back."""
    table = [("#39;", "'"), ("amp;", "&"), ("#146;", "'"), ("nbsp;", " "), ("#36;", "$"), ("\\n", "\n")]
    table += [("quot;", "'"), ("<br />", "\n"), ('\\"', '"'), ("<unk>", "xxunk"), (" @.@ ", "."), (" @-@ ", "-")]
    for leftover, meant in [*table, ("...", " …")]:
        text = text.replace(leftover, meant)
    return text


@MISTAKES.of("fix_html")
def unescapes_first(text):
    """html.unescape ran before the table, and ate what the table looks for; it comes last."""
    import html

    text = html.unescape(text)
    table = [("#39;", "'"), ("amp;", "&"), ("#146;", "'"), ("nbsp;", " "), ("#36;", "$"), ("\\n", "\n")]
    table += [("quot;", "'"), ("<br />", "\n"), ('\\"', '"'), ("<unk>", "xxunk"), (" @.@ ", "."), (" @-@ ", "-")]
    for leftover, meant in [*table, ("...", " …")]:
        text = text.replace(leftover, meant)
    return text


@MISTAKES.of("replace_rep")
def needs_four_characters(text):
    """It asks for four in a row: the group itself is the first, so \\1{2,} are the two or more that follow."""
    import re

    return re.sub(r"(\S)(\1{3,})", lambda m: f" xxrep {len(m[2]) + 1} {m[1]} ", text)


@MISTAKES.of("replace_rep")
def two_characters_are_enough(text):
    """It counts double letters too, and "good" has one: only three or more in a row are a repetition."""
    import re

    return re.sub(r"(\S)(\1{1,})", lambda m: f" xxrep {len(m[2]) + 1} {m[1]} ", text)


@MISTAKES.of("replace_rep")
def counts_only_the_other_characters(text):
    """The count is one too small: it counts the repetitions after the first character, but not the first."""
    import re

    return re.sub(r"(\S)(\1{2,})", lambda m: f" xxrep {len(m[2])} {m[1]} ", text)


@MISTAKES.of("replace_rep")
def letters_only(text):
    """It looks at letters and digits only: '!!!' is a repetition too, and one that carries feeling."""
    import re

    return re.sub(r"(\w)(\1{2,})", lambda m: f" xxrep {len(m[2]) + 1} {m[1]} ", text)


@MISTAKES.of("replace_rep")
def counts_white_space(text):
    """It counts spaces and line breaks as well: white space is layout, another rule takes care of it."""
    import re

    return re.sub(r"(.)(\1{2,})", lambda m: f" xxrep {len(m[2]) + 1} {m[1]} ", text, flags=re.DOTALL)


@MISTAKES.of("replace_rep")
def glues_the_repetition(text):
    """There must be a space on either side of what it puts in, or it grows together with its neighbours."""
    import re

    return re.sub(r"(\S)(\1{2,})", lambda m: f"xxrep {len(m[2]) + 1} {m[1]}", text)


@MISTAKES.of("replace_wrep")
def needs_four_words(text):
    """It asks for four in a row; three are enough."""
    import re

    pattern = r"(?:\s|^)(\w+)\s+((?:\1\s+){2,})\1(\s|\W|$)"
    return re.sub(pattern, lambda m: f" xxwrep {len(m[2].split()) + 2} {m[1]} {m[3]}", text)


@MISTAKES.of("replace_wrep")
def two_words_are_enough(text):
    """It counts two in a row too ("had had"); only three or more are a repetition."""
    import re

    pattern = r"(?:\s|^)(\w+)\s+((?:\1\s+)*)\1(\s|\W|$)"
    return re.sub(pattern, lambda m: f" xxwrep {len(m[2].split()) + 2} {m[1]} {m[3]}", text)


@MISTAKES.of("replace_wrep")
def counts_only_the_words_between(text):
    """The count is too small: the first and the last word of the row stand outside the part that it counts."""
    import re

    pattern = r"(?:\s|^)(\w+)\s+((?:\1\s+)+)\1(\s|\W|$)"
    return re.sub(pattern, lambda m: f" xxwrep {len(m[2].split())} {m[1]} {m[3]}", text)


@MISTAKES.of("replace_wrep")
def counts_the_beginning_of_a_word(text):
    """It takes "nothing" for another "no": what ends the row must be the whole word."""
    import re

    pattern = r"(?:\s|^)(\w+)\s+((?:\1\s+)+)\1()"
    return re.sub(pattern, lambda m: f" xxwrep {len(m[2].split()) + 2} {m[1]} {m[3]}", text)


@MISTAKES.of("replace_wrep")
def loses_what_follows_the_word(text):
    """The character after the row (a space, a '!') was matched but not put back."""
    import re

    pattern = r"(?:\s|^)(\w+)\s+((?:\1\s+)+)\1(\s|\W|$)"
    return re.sub(pattern, lambda m: f" xxwrep {len(m[2].split()) + 2} {m[1]} ", text)


@MISTAKES.of("replace_wrep")
def ignores_case(text):
    """ "No no NO" is three different words here: capitals are another rule's business, and it comes later."""
    import re

    pattern = r"(?:\s|^)(\w+)\s+((?:\1\s+)+)\1(\s|\W|$)"
    count = lambda m: f" xxwrep {len(m[2].split()) + 2} {m[1]} {m[3]}"  # noqa: E731
    return re.sub(pattern, count, text, flags=re.IGNORECASE)


@MISTAKES.of("spec_add_spaces")
def slash_only(text):
    """It knows only '/'; '#' and the backslash need spaces too."""
    return text.replace("/", " / ")


@MISTAKES.of("spec_add_spaces")
def forgets_the_backslash(text):
    r"""It forgets the backslash: inside a character class it is written twice, [/#\\]."""
    import re

    return re.sub(r"([/#])", r" \1 ", text)


@MISTAKES.of("spec_add_spaces")
def space_before_only(text):
    """It puts a space before, but none after."""
    import re

    return re.sub(r"([/#\\])", r" \1", text)


@MISTAKES.of("spec_add_spaces")
def all_punctuation(text):
    """It separates every punctuation mark; that is the word splitter's work, which knows "it's" from "it ' s"."""
    import re

    return re.sub(r"([^\w\s])", r" \1 ", text)


@MISTAKES.of("rm_useless_spaces")
def splits_and_joins(text):
    """ " ".join(text.split()) also removes line breaks, and the spaces at both ends: only runs of spaces may change."""
    return " ".join(text.split())


@MISTAKES.of("rm_useless_spaces")
def each_pair_once(text):
    """text.replace("  ", " ") goes through the text once: of four spaces two are left."""
    return text.replace("  ", " ")


@MISTAKES.of("rm_useless_spaces")
def all_white_space(text):
    r"""\s stands for line breaks and tabs as well; the rule is about spaces only."""
    import re

    return re.sub(r"\s{2,}", " ", text)


@MISTAKES.of("rm_useless_spaces")
def strips_too(text):
    """It strips the ends as well: a single space at an end stays (`lowercase` will strip)."""
    import re

    return re.sub(" {2,}", " ", text).strip()


@MISTAKES.of("replace_all_caps")
def marks_single_capitals(text):
    """It marks "I" and "A" too: a word of one letter is lowered, but says nothing about shouting."""
    import re

    return re.sub(r"(\s|^)([A-Z]+[^a-z\s]*)(?=\s|$)", lambda m: f"{m[1]}xxup {m[2].lower()}", text)


@MISTAKES.of("replace_all_caps")
def counts_the_letters(text):
    """It counts letters alone: "A1" and "I," are two characters each, so they get the mark too."""
    import re

    def lower(m):
        return f"{m[1]}{'xxup ' if sum(map(str.isalpha, m[2])) > 1 else ''}{m[2].lower()}"

    return re.sub(r"(\s|^)([A-Z]+[^a-z\s]*)(?=\s|$)", lower, text)


@MISTAKES.of("replace_all_caps")
def asks_isupper(text):
    """str.isupper looks at letters only, so "4K" passes: the word must begin with a capital."""
    import re

    def lower(word):
        if not word.isupper():
            return word
        return f"xxup {word.lower()}" if len(word) > 1 else word.lower()

    return "".join(lower(part) for part in re.split(r"(\s)", text))


@MISTAKES.of("replace_all_caps")
def keeps_the_capitals(text):
    """The mark is there, but the word is still in capitals: lower it, so that it is the same word as elsewhere."""
    import re

    def mark(m):
        return f"{m[1]}{'xxup ' if len(m[2]) > 1 else ''}{m[2] if len(m[2]) > 1 else m[2].lower()}"

    return re.sub(r"(\s|^)([A-Z]+[^a-z\s]*)(?=\s|$)", mark, text)


@MISTAKES.of("replace_all_caps")
def capitals_inside_words(text):
    r"""\b stands at every change between letters and marks, so it finds "(OK)" and the end of "x-RAY"; words
    begin and end at white space here."""
    import re

    def lower(m):
        return f"xxup {m[0].lower()}" if len(m[0]) > 1 else m[0].lower()

    return re.sub(r"\b[A-Z]+[^a-z\s]*(?=\s|$|\W)", lower, text)


@MISTAKES.of("replace_all_caps")
def letters_to_the_end(text):
    """It lets nothing but capitals pass, so "OK!" and "A1" are missed: marks and digits may follow."""
    import re

    def lower(m):
        return f"{m[1]}{'xxup ' if len(m[2]) > 1 else ''}{m[2].lower()}"

    return re.sub(r"(\s|^)([A-Z]+)(?=\s|$)", lower, text)


@MISTAKES.of("replace_maj")
def marks_single_letters(text):
    """It marks "A" and "I" too: a single capital is lowered without a mark."""
    import re

    return re.sub(r"(\s|^)([A-Z][^A-Z\s]*)(?=\s|$)", lambda m: f"{m[1]}xxmaj {m[2].lower()}", text)


@MISTAKES.of("replace_maj")
def any_word_with_a_capital(text):
    """It lowers "McQueen" and "OK" too: only words with one capital, at the beginning, are meant."""
    import re

    def lower(m):
        return f"{m[1]}{'xxmaj ' if len(m[2]) > 1 else ''}{m[2].lower()}"

    return re.sub(r"(\s|^)([A-Z]\S*)(?=\s|$)", lower, text)


@MISTAKES.of("replace_maj")
def asks_istitle(text):
    """str.istitle starts a new word after every mark, so it says no to "Don't"; look at capitals yourself."""
    import re

    def lower(word):
        if not word.istitle() or not word[0].isupper():
            return word
        return f"xxmaj {word.lower()}" if len(word) > 1 else word.lower()

    return "".join(lower(part) for part in re.split(r"(\s)", text))


@MISTAKES.of("replace_maj")
def keeps_the_capital(text):
    """The mark is there, but the capital is too: lower it, so that "The" and "the" are one word."""
    import re

    def mark(m):
        return f"{m[1]}xxmaj {m[2]}" if len(m[2]) > 1 else f"{m[1]}{m[2].lower()}"

    return re.sub(r"(\s|^)([A-Z][^A-Z\s]*)(?=\s|$)", mark, text)


@MISTAKES.of("lowercase")
def always_marks_the_beginning(text, add_bos=True, add_eos=False):
    """It puts xxbos in front whatever add_bos says."""
    return "xxbos " + text.lower().strip() + (" xxeos" if add_eos else "")


@MISTAKES.of("lowercase")
def forgets_to_strip(text, add_bos=True, add_eos=False):
    """White space at the ends is still there: strip the text before the marks are added."""
    return ("xxbos " if add_bos else "") + text.lower() + (" xxeos" if add_eos else "")


@MISTAKES.of("lowercase")
def strips_after_marking(text, add_bos=True, add_eos=False):
    """It strips after the marks were added, so the spaces between a mark and the text stay: strip first."""
    return (("xxbos " if add_bos else "") + text.lower() + (" xxeos" if add_eos else "")).strip()


@MISTAKES.of("lowercase")
def never_marks_the_end(text, add_bos=True, add_eos=False):
    """It never adds xxeos: add_eos decides about that one."""
    return ("xxbos " if add_bos else "") + text.lower().strip()


@MISTAKES.of("apply_rules")
def each_rule_on_the_original(text, rules):
    """Each rule was given the original text, so only the last one counts: hand on what the one before returned."""
    result = text
    for rule in rules:
        result = rule(text)
    return result


@MISTAKES.of("apply_rules")
def last_rule_first(text, rules):
    """It begins with the last rule: take them as they come."""
    for rule in reversed(rules):
        text = rule(text)
    return text


@MISTAKES.of("apply_rules")
def returns_after_the_first_rule(text, rules):
    """It returns inside the loop, after the first rule: the return belongs behind the loop."""
    for rule in rules:
        return rule(text)
    return text


@MISTAKES.of("apply_rules")
def leaves_out_the_last_rule(text, rules):
    """The last rule is left out: a slice or a range that ends one too early?"""
    for rule in rules[:-1]:
        text = rule(text)
    return text


@MISTAKES.of("order_matters")
def compares_the_two_rules(text, first, second):
    """It compares what each rule does alone; put one after the other, in both orders."""
    return first(text) != second(text)


@MISTAKES.of("order_matters")
def same_order_on_both_sides(text, first, second):
    """Both sides of the comparison apply the rules in the same order, so they are always equal."""
    return second(first(text)) != second(first(text))


@MISTAKES.of("order_matters")
def compares_lengths(text, first, second):
    """It compares only how long the two texts are: two texts of one length can differ."""
    return len(second(first(text))) != len(first(second(text)))


@MISTAKES.of("order_matters")
def compares_sorted_letters(text, first, second):
    """It compares which letters occur, not where: sorted('abx') and sorted('xab') are the same."""
    return sorted(second(first(text))) != sorted(first(second(text)))
