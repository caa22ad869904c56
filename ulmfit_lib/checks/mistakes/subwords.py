"""Wrong answers to problem set 02; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("pair_counts")
def ignores_how_often_words_occur(words):
    """It adds 1 for each pair: a word that occurs five times shows its pairs five times."""
    from collections import Counter
    from itertools import pairwise

    return Counter(pair for word in words for pair in pairwise(word))


@MISTAKES.of("pair_counts")
def counts_a_pair_once_a_word(words):
    """A pair that stands twice in a word is counted once: is a set, or an `if pair in word`, in the way?"""
    from collections import Counter
    from itertools import pairwise

    counts = Counter()
    for word, count in words.items():
        for pair in set(pairwise(word)):
            counts[pair] += count
    return counts


@MISTAKES.of("pair_counts")
def overwrites_the_count(words):
    """Each new place overwrites what was counted before: add to the count instead of setting it."""
    from collections import Counter
    from itertools import pairwise

    counts = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] = count
    return counts


@MISTAKES.of("pair_counts")
def counts_across_words(words):
    """It counts the end of one word and the beginning of the next as a pair: pairs stand inside a word."""
    from collections import Counter
    from itertools import pairwise

    counts, last = Counter(), None
    for word, count in words.items():
        for pair in pairwise(word if last is None else (last, *word)):
            counts[pair] += count
        last = word[-1] if word else last
    return counts


@MISTAKES.of("pair_counts")
def skips_pairs_that_overlap(words):
    """In ('a', 'a', 'a') the pair stands at two places that share the middle piece, and both count."""
    from collections import Counter

    counts = Counter()
    for word, count in words.items():
        place = 0
        while place + 1 < len(word):
            pair = (word[place], word[place + 1])
            counts[pair] += count
            place += 2 if word[place + 1 : place + 3] == pair else 1
    return counts


@MISTAKES.of("merge_pair")
def merges_the_first_place_only(word, pair):
    """It stops after the first place: the pair is merged wherever it stands in the word."""
    for place in range(len(word) - 1):
        if word[place : place + 2] == pair:
            return (*word[:place], pair[0] + pair[1], *word[place + 2 :])
    return word


@MISTAKES.of("merge_pair")
def compares_joined_text(word, pair):
    """It compares the joined letters, so ('a', 'bn') passes for ('ab', 'n'): compare piece by piece."""
    merged, place = [], 0
    while place < len(word):
        if place + 1 < len(word) and word[place] + word[place + 1] == pair[0] + pair[1]:
            merged.append(pair[0] + pair[1])
            place += 2
        else:
            merged.append(word[place])
            place += 1
    return tuple(merged)


@MISTAKES.of("merge_pair")
def merges_from_the_right(word, pair):
    """It goes from right to left: where places overlap, as in ('a', 'a', 'a'), the left one is merged."""
    merged, place = [], len(word) - 1
    while place >= 0:
        if place > 0 and word[place - 1] == pair[0] and word[place] == pair[1]:
            merged.append(pair[0] + pair[1])
            place -= 2
        else:
            merged.append(word[place])
            place -= 1
    return tuple(reversed(merged))


@MISTAKES.of("merge_pair")
def uses_a_piece_twice(word, pair):
    """In ('a', 'a', 'a') it merges the middle piece with both neighbours: what is merged is used up."""
    merged, place = [], 0
    while place < len(word):
        if word[place : place + 2] == pair:
            merged.append(pair[0] + pair[1])
            place += 1 if word[place + 1 : place + 3] == pair else 2
        else:
            merged.append(word[place])
            place += 1
    return tuple(merged)


@MISTAKES.of("merge_pair")
def replaces_in_spaced_text(word, pair):
    """It joins the pieces with spaces and replaces text, which also finds the end of one piece and the beginning of
    another: 'na b' holds 'a b', but ('na', 'b') is not the pair ('a', 'b')."""
    return tuple(" ".join(word).replace(" ".join(pair), "".join(pair)).split())


@MISTAKES.of("train_bpe")
def takes_the_pair_seen_first(words, n_merges):
    """At a tie it takes the pair that it met first, as most_common and max do; the first in sorted order is asked."""
    from collections import Counter
    from itertools import pairwise

    words, merges = dict(words), []
    for _ in range(n_merges):
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        if not counts:
            break
        best = counts.most_common(1)[0][0]
        merges.append(best)
        changed = {}
        for word, count in words.items():
            new, place = [], 0
            while place < len(word):
                step = 2 if word[place : place + 2] == best else 1
                new.append("".join(word[place : place + step]))
                place += step
            changed[tuple(new)] = count
        words = changed
    return merges


@MISTAKES.of("train_bpe")
def takes_the_last_of_a_tie(words, n_merges):
    """At a tie it takes the last pair in sorted order: max over (count, pair) prefers the larger pair."""
    from collections import Counter
    from itertools import pairwise

    words, merges = dict(words), []
    for _ in range(n_merges):
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        changed = {}
        for word, count in words.items():
            new, place = [], 0
            while place < len(word):
                step = 2 if word[place : place + 2] == best else 1
                new.append("".join(word[place : place + step]))
                place += step
            changed[tuple(new)] = count
        words = changed
    return merges


@MISTAKES.of("train_bpe")
def counts_once(words, n_merges):
    """It counts once, at the start, and takes the best pairs of that: count anew after each merge, since pieces that
    a merge made can be merged again."""
    from collections import Counter
    from itertools import pairwise

    counts = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] += count
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[:n_merges]


@MISTAKES.of("train_bpe")
def fails_when_no_pair_is_left(words, n_merges):
    """When each word has become one piece there is no pair left to choose: stop then."""
    from collections import Counter
    from itertools import pairwise

    words, merges = dict(words), []
    for _ in range(n_merges):
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        changed = {}
        for word, count in words.items():
            new, place = [], 0
            while place < len(word):
                step = 2 if word[place : place + 2] == best else 1
                new.append("".join(word[place : place + step]))
                place += step
            changed[tuple(new)] = count
        words = changed
    return merges


@MISTAKES.of("train_bpe")
def stops_at_pairs_seen_once(words, n_merges):
    """It stops as soon as the best pair occurs only once; go on as long as there is any pair."""
    from collections import Counter
    from itertools import pairwise

    words, merges = dict(words), []
    for _ in range(n_merges):
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        if not counts or max(counts.values()) == 1:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        changed = {}
        for word, count in words.items():
            new, place = [], 0
            while place < len(word):
                step = 2 if word[place : place + 2] == best else 1
                new.append("".join(word[place : place + step]))
                place += step
            changed[tuple(new)] = count
        words = changed
    return merges


@MISTAKES.of("encode_bpe")
def takes_the_longest_piece(text, merges):
    """It takes the longest piece that fits, from left to right. Other tokenizers do that; here the merges are made
    in their order."""
    known = {left + right for left, right in merges}
    pieces = []
    for word in text.split():
        rest = "▁" + word
        while rest:
            length = next((n for n in range(len(rest), 1, -1) if rest[:n] in known), 1)
            pieces.append(rest[:length])
            rest = rest[length:]
    return pieces


@MISTAKES.of("encode_bpe")
def last_merge_first(text, merges):
    """It begins with the merge that was learned last, whose pieces do not exist yet: the first learned comes first."""
    pieces = []
    for word in text.split():
        parts = ("▁", *word)
        for pair in reversed(merges):
            new, place = [], 0
            while place < len(parts):
                step = 2 if parts[place : place + 2] == pair else 1
                new.append("".join(parts[place : place + step]))
                place += step
            parts = tuple(new)
        pieces += parts
    return pieces


@MISTAKES.of("encode_bpe")
def one_merge_a_word(text, merges):
    """It stops after the first merge that changes a word: later merges build on it."""
    pieces = []
    for word in text.split():
        parts = ("▁", *word)
        for pair in merges:
            new, place = [], 0
            while place < len(parts):
                step = 2 if parts[place : place + 2] == pair else 1
                new.append("".join(parts[place : place + step]))
                place += step
            if len(new) < len(parts):
                parts = tuple(new)
                break
        pieces += parts
    return pieces


@MISTAKES.of("encode_bpe")
def splits_at_every_space(text, merges):
    """text.split(" ") finds an empty word between two spaces: without an argument, split takes them as one."""
    pieces = []
    for word in text.split(" ") if text else []:
        parts = ("▁", *word)
        for pair in merges:
            new, place = [], 0
            while place < len(parts):
                step = 2 if parts[place : place + 2] == pair else 1
                new.append("".join(parts[place : place + step]))
                place += step
            parts = tuple(new)
        pieces += parts
    return pieces


@MISTAKES.of("encode_bpe")
def loses_what_no_merge_knows(text, merges):
    """Characters that stand in no merge are gone: each of them stays, as a piece of its own."""
    known = {"▁", *"abdns", *"".join(left + right for left, right in merges)}
    pieces = []
    for word in text.split():
        parts = tuple(character for character in "▁" + word if character in known)
        for pair in merges:
            new, place = [], 0
            while place < len(parts):
                step = 2 if parts[place : place + 2] == pair else 1
                new.append("".join(parts[place : place + step]))
                place += step
            parts = tuple(new)
        pieces += parts
    return pieces


@MISTAKES.of("decode_bpe")
def begins_with_a_space(pieces):
    """The mark of the first word became a space too: spaces stand between words, none before the first."""
    return "".join(pieces).replace("▁", " ")


@MISTAKES.of("decode_bpe")
def cuts_the_first_character(pieces):
    """It cuts off the first character whatever it is: a stretch may begin inside a word, without a mark."""
    return "".join(pieces).replace("▁", " ")[1:]


@MISTAKES.of("decode_bpe")
def a_space_between_all_pieces(pieces):
    """It puts a space between all pieces: a piece without a mark belongs to the word before it."""
    return " ".join(piece.replace("▁", "") for piece in pieces if piece != "▁")


@MISTAKES.of("decode_bpe")
def skips_lone_marks(pieces):
    """It leaves out the pieces that are the mark alone, but those begin a word too."""
    return "".join(piece for piece in pieces if piece != "▁").replace("▁", " ").lstrip()


@MISTAKES.of("decode_bpe")
def removes_the_marks(pieces):
    """It removes the marks, and with them the spaces: each mark but one at the very beginning is a space."""
    return "".join(pieces).replace("▁", "")
