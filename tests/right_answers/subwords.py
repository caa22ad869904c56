"""At least two other algorithms for every exercise of problem set 02, each able to stand alone."""


def pair_counts__by_places(words):
    from collections import Counter

    counts = Counter()
    longest = max(map(len, words), default=0)
    for place in range(longest - 1):
        for word, count in words.items():
            if place + 1 < len(word):
                counts.update({(word[place], word[place + 1]): count})
    return counts


def pair_counts__one_count_a_pair(words):
    """First which pairs there are, then how often each of them occurs."""
    from collections import Counter

    pairs = {word[i : i + 2] for word in words for i in range(len(word) - 1)}
    counts = {}
    for pair in pairs:
        places = (n * sum(word[i : i + 2] == pair for i in range(len(word) - 1)) for word, n in words.items())
        counts[pair] = sum(places)
    return Counter(counts)


def merge_pair__recursion(word, pair):
    if len(word) < 2:
        return tuple(word)
    if (word[0], word[1]) == pair:
        return (word[0] + word[1], *merge_pair(word[2:], pair))  # noqa: F821 (it calls itself by the exercise's name)
    return (word[0], *merge_pair(word[1:], pair))  # noqa: F821


def merge_pair__a_stack(word, pair):
    """Put piece on piece, and join the upper two when they are the pair and the lower one was not joined before."""
    stack = []
    for piece in word:
        if stack and stack[-1] == (pair[0], False) and piece == pair[1]:
            stack[-1] = (pair[0] + piece, True)
        else:
            stack.append((piece, False))
    return tuple(piece for piece, _ in stack)


def merge_pair__search_and_cut(word, pair):
    found = next((i for i in range(len(word) - 1) if word[i : i + 2] == pair), None)
    done = ()
    while found is not None:
        done += (*word[:found], pair[0] + pair[1])
        word = word[found + 2 :]
        found = next((i for i in range(len(word) - 1) if word[i : i + 2] == pair), None)
    return done + word


def train_bpe__count_anew_each_round(words, n_merges):
    from collections import Counter
    from itertools import pairwise

    words, merges = dict(words), []
    while len(merges) < n_merges:
        counts = Counter()
        for word, often in words.items():
            for left, right in pairwise(word):
                counts[left, right] += often
        if not counts:
            break
        left, right = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[0][0]
        merges.append((left, right))
        changed = {}
        for word, often in words.items():
            new = []
            joined = False
            for piece in word:
                if new and new[-1] == left and piece == right and not joined:
                    new[-1] += piece
                    joined = True
                else:
                    new.append(piece)
                    joined = False
            changed[tuple(new)] = often
        words = changed
    return merges


def train_bpe__cuts_in_strings(words, n_merges):
    """Keep each word as text with a set of places at which it is cut; a merge takes cuts away."""
    texts = []
    for word, often in words.items():
        ends, length = [], 0
        for piece in word:
            length += len(piece)
            ends.append(length)
        texts.append(("".join(word), [0, *ends], often))
    merges = []
    for _ in range(n_merges):
        counts = {}
        for text, cuts, often in texts:
            for start, middle, end in zip(cuts, cuts[1:], cuts[2:], strict=False):
                pair = (text[start:middle], text[middle:end])
                counts[pair] = counts.get(pair, 0) + often
        if not counts:
            return merges
        most = max(counts.values())
        best = sorted(pair for pair, count in counts.items() if count == most)[0]
        merges.append(best)
        for text, cuts, _ in texts:
            i = 0
            while i + 2 < len(cuts):
                if (text[cuts[i] : cuts[i + 1]], text[cuts[i + 1] : cuts[i + 2]]) == best:
                    del cuts[i + 1]
                i += 1
    return merges


def encode_bpe__earliest_merge_that_fits(text, merges):
    """As GPT-2's encoder does: of the pairs that stand there now, the one that was learned first."""
    from itertools import pairwise

    rank = {}
    for number, pair in enumerate(merges):
        rank.setdefault(pair, number)
    pieces = []
    for word in text.split():
        parts = ["▁", *word]
        while True:
            ranked = [(rank[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in rank]
            if not ranked:
                break
            _, i = min(ranked)
            parts[i : i + 2] = ["".join(parts[i : i + 2])]
        pieces += parts
    return pieces


def encode_bpe__the_whole_text_at_once(text, merges):
    """No merge ends in a word's beginning, so words need not be held apart."""
    pieces = list("".join("▁" + word for word in text.split()))
    for left, right in merges:
        i = 0
        while i + 1 < len(pieces):
            if pieces[i] == left and pieces[i + 1] == right:
                pieces[i : i + 2] = [left + right]
            i += 1
    return pieces


def decode_bpe__split_and_join(pieces):
    return " ".join("".join(pieces).split("▁")).strip()


def decode_bpe__piece_by_piece(pieces):
    text = ""
    for piece in pieces:
        if piece.startswith("▁"):
            text += (" " if text else "") + piece[1:]
        else:
            text += piece
    return text
