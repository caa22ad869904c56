"""At least two other algorithms for every exercise of problem set 01, each able to stand alone."""


def fix_html__split_and_join(text):
    import html

    table = [("#39;", "'"), ("amp;", "&"), ("#146;", "'"), ("nbsp;", " "), ("#36;", "$"), ("\\n", "\n")]
    table += [("quot;", "'"), ("<br />", "\n"), ('\\"', '"'), ("<unk>", "xxunk"), (" @.@ ", "."), (" @-@ ", "-")]
    for leftover, meant in [*table, ("...", " …")]:
        text = meant.join(text.split(leftover))
    return html.unescape(text)


def fix_html__scan_with_find(text):
    import html

    leftovers = ["#39;", "amp;", "#146;", "nbsp;", "#36;", "\\n", "quot;", "<br />", '\\"', "<unk>", " @.@ ", " @-@ "]
    meanings = ["'", "&", "'", " ", "$", "\n", "'", "\n", '"', "xxunk", ".", "-"]
    for leftover, meant in zip([*leftovers, "..."], [*meanings, " …"], strict=True):
        done, start = "", 0
        while (place := text.find(leftover, start)) >= 0:
            done += text[start:place] + meant
            start = place + len(leftover)
        text = done + text[start:]
    return html.unescape(text)


def replace_rep__groupby(text):
    from itertools import groupby

    parts = []
    for character, same in groupby(text):
        count = len(list(same))
        counted = count >= 3 and not character.isspace()
        parts.append(f" xxrep {count} {character} " if counted else character * count)
    return "".join(parts)


def replace_rep__two_fingers(text):
    result, start = "", 0
    while start < len(text):
        end = start
        while end < len(text) and text[end] == text[start]:
            end += 1
        if end - start > 2 and not text[start].isspace():
            result += " xxrep " + str(end - start) + " " + text[start] + " "
        else:
            result += text[start:end]
        start = end
    return result


def replace_wrep__walk_over_words(text):
    import re

    parts = re.split(r"(\s+|\W)", text)
    result, start = [], 0
    while start < len(parts):
        word, end = parts[start], start
        while end + 2 < len(parts) and parts[end + 2] == word and parts[end + 1].isspace():
            end += 2
        count = (end - start) // 2 + 1
        if word and word.isalnum() and count >= 3:
            if result and result[-1].isspace():
                result.pop()
            result.append(f" xxwrep {count} {word} ")
            start = end + 1
        else:
            result.append(parts[start])
            start += 1
    return "".join(result)


def replace_wrep__longest_row_first(text):
    import re

    for count in range(len(text.split()), 2, -1):
        row = r"(?:\s|^)(\w+)" + r"\s+\1" * (count - 1) + r"(?!\w)"
        text = re.sub(row, lambda m, n=count: f" xxwrep {n} {m[1]} ", text)
    return text


def spec_add_spaces__replace(text):
    for character in "/#\\":
        text = text.replace(character, f" {character} ")
    return text


def spec_add_spaces__translate(text):
    return text.translate({ord(character): f" {character} " for character in "/#\\"})


def rm_useless_spaces__until_none_is_left(text):
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def rm_useless_spaces__one_character_at_a_time(text):
    result = ""
    for character in text:
        if not (character == " " and result.endswith(" ")):
            result += character
    return result


def replace_all_caps__split_and_join(text):
    import re
    import string

    def lower(word):
        if not word or word[0] not in string.ascii_uppercase or set(word) & set(string.ascii_lowercase):
            return word
        return ("xxup " if len(word) > 1 else "") + word.lower()

    return "".join(part if part.isspace() else lower(part) for part in re.split(r"(\s)", text))


def replace_all_caps__one_character_at_a_time(text):
    result, word = "", ""
    for character in text + "\n":
        if not character.isspace():
            word += character
            continue
        if word and "A" <= word[0] <= "Z" and not any("a" <= c <= "z" for c in word):
            word = ("xxup " if len(word) > 1 else "") + word.lower()
        result += word + character
        word = ""
    return result[:-1]


def replace_maj__split_and_join(text):
    import re
    import string

    capitals = set(string.ascii_uppercase)

    def lower(word):
        if word[:1] in capitals and word and not capitals & set(word[1:]):
            return ("xxmaj " if len(word) > 1 else "") + word.lower()
        return word

    return "".join(lower(part) for part in re.split(r"(\s)", text))


def replace_maj__one_character_at_a_time(text):
    result, word = "", ""
    for character in text + "\n":
        if not character.isspace():
            word += character
            continue
        if word and "A" <= word[0] <= "Z" and not any("A" <= c <= "Z" for c in word[1:]):
            word = ("xxmaj " if len(word) > 1 else "") + word.lower()
        result += word + character
        word = ""
    return result[:-1]


def lowercase__list_and_join(text, add_bos=True, add_eos=False):
    text = text.lower().strip()
    if add_bos:
        text = "xxbos " + text
    if add_eos:
        text = text + " xxeos"
    return text


def lowercase__one_character_at_a_time(text, add_bos=True, add_eos=False):
    start, end = 0, len(text)
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    lowered = "".join(character.lower() for character in text[start:end])
    return ("xxbos " * add_bos) + lowered + (" xxeos" * add_eos)


def apply_rules__reduce(text, rules):
    from functools import reduce

    return reduce(lambda done, rule: rule(done), rules, text)


def apply_rules__recursion(text, rules):
    if not rules:
        return text
    return apply_rules(rules[0](text), rules[1:])  # noqa: F821 (it calls itself by the exercise's name)


def order_matters__two_variables(text, first, second):
    one_way, other_way = text, text
    for rule in (first, second):
        one_way = rule(one_way)
    for rule in (second, first):
        other_way = rule(other_way)
    return one_way != other_way


def order_matters__a_set(text, first, second):
    return len({second(first(text)), first(second(text))}) == 2
