"""At least two other algorithms for every exercise of problem set 03, each able to stand alone."""


def count_tokens__list_count(docs):
    everything = [token for doc in docs for token in doc]
    return {token: everything.count(token) for token in dict.fromkeys(everything)}


def count_tokens__places(docs):
    places = {}
    everything = []
    for doc in docs:
        everything += doc
    for place, token in enumerate(everything):
        places.setdefault(token, []).append(place)
    return {token: len(found) for token, found in places.items()}


def count_tokens__counter(docs):
    from collections import Counter
    from itertools import chain

    return dict(Counter(chain.from_iterable(docs)))


def most_frequent__a_list_a_count(counts, min_freq):
    tokens_of = {}
    for token, count in counts.items():
        tokens_of.setdefault(count, []).append(token)
    wanted = sorted((count for count in tokens_of if count >= min_freq), reverse=True)
    return [token for count in wanted for token in tokens_of[count]]


def most_frequent__insertion(counts, min_freq):
    frequent = []
    for token, count in counts.items():
        if count < min_freq:
            continue
        place = len(frequent)
        while place > 0 and counts[frequent[place - 1]] < count:
            place -= 1
        frequent.insert(place, token)
    return frequent


def most_frequent__heap(counts, min_freq):
    import heapq

    heap = [(-count, place, token) for place, (token, count) in enumerate(counts.items()) if count >= min_freq]
    heapq.heapify(heap)
    return [heapq.heappop(heap)[2] for _ in range(len(heap))]


def add_fillers__one_by_one(tokens):
    filled = [*tokens, "xxfake"]
    while len(filled) % 8 != 0:
        filled.append("xxfake")
    return filled


def add_fillers__size_first(tokens):
    size = (len(tokens) // 8 + 1) * 8
    return [tokens[place] if place < len(tokens) else "xxfake" for place in range(size)]


def make_vocab__takes_the_highest_count_again_and_again(counts, min_freq, max_vocab, special_tokens):
    left = {token: count for token, count in counts.items() if token not in special_tokens}
    vocab = list(special_tokens)
    while left and len(vocab) < max_vocab:
        best = max(left, key=left.get)  # the first of those with the highest count
        if left.pop(best) < min_freq:
            break
        vocab.append(best)
    vocab.append("xxfake")
    while len(vocab) % 8:
        vocab.append("xxfake")
    return vocab


def make_vocab__most_common_and_insert(counts, min_freq, max_vocab, special_tokens):
    from collections import Counter

    vocab = [token for token, count in Counter(counts).most_common(max_vocab) if count >= min_freq]
    for token in reversed(special_tokens):
        if token in vocab:
            vocab.remove(token)
        vocab.insert(0, token)
    del vocab[max_vocab:]
    size = (len(vocab) // 8 + 1) * 8
    return vocab + ["xxfake"] * (size - len(vocab))


def numericalize__index(tokens, vocab):
    return [vocab.index(token) if token in vocab else 0 for token in tokens]


def numericalize__defaultdict(tokens, vocab):
    from collections import defaultdict

    ids = defaultdict(int)
    ids.update((token, number) for number, token in enumerate(vocab))
    return [ids[token] for token in tokens]


def numericalize__search_in_a_sorted_list(tokens, vocab):
    from bisect import bisect_left

    pairs = sorted((token, number) for number, token in enumerate(vocab))
    names = [token for token, _ in pairs]
    ids = []
    for token in tokens:
        place = bisect_left(names, token)
        found = place < len(names) and names[place] == token
        ids.append(pairs[place][1] if found else 0)
    return ids


def denumericalize__a_dict(ids, vocab):
    tokens = dict(enumerate(vocab))
    return [tokens[number] for number in ids]


def denumericalize__map(ids, vocab):
    return list(map(vocab.__getitem__, ids))


def unknown_rate__by_counts(tokens, vocab):
    from collections import Counter

    counts = Counter(tokens)
    known = sum(counts[token] for token in set(vocab))
    total = sum(counts.values())
    return (total - known) / total if total else 0.0


def unknown_rate__by_ids(tokens, vocab):
    ids = {token: number for number, token in enumerate(vocab)}
    unknown = [ids.get(token, 0) for token in tokens].count(0)
    return unknown / max(len(tokens), 1)


def unknown_rate__running_mean(tokens, vocab):
    rate, known = 0.0, set(vocab)
    for number, token in enumerate(tokens, 1):
        rate += ((token not in known) - rate) / number
    return rate


def tokens_needed__takes_away_the_largest(counts, share):
    left = list(counts.values())
    missing, needed = share * sum(left), 0
    while missing > 0:
        largest = max(left)
        left.remove(largest)
        missing -= largest
        needed += 1
    return needed


def tokens_needed__search_in_the_sums(counts, share):
    from bisect import bisect_left
    from itertools import accumulate

    sums = [0, *accumulate(sorted(counts.values(), reverse=True))]
    return bisect_left(sums, share * sums[-1])


def tokens_needed__numpy(counts, share):
    import numpy as np

    covered = np.cumsum([0, *sorted(counts.values(), reverse=True)])
    return int(np.argmax(covered >= share * covered[-1]))


def translate_ids__a_table(ids, old_vocab, new_vocab):
    new_ids = {token: number for number, token in enumerate(new_vocab)}
    table = [new_ids.get(token, 0) for token in old_vocab]  # old id -> new id
    return [table[number] for number in ids]


def translate_ids__search(ids, old_vocab, new_vocab):
    translated = []
    for number in ids:
        matches = [place for place, token in enumerate(new_vocab) if token == old_vocab[number]]
        translated.append(matches[0] if matches else 0)
    return translated
