"""Wrong answers to problem set 03; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("count_tokens")
def counts_documents(docs):
    """It counts in how many documents a token stands, not how often: a set forgets repetitions."""
    counts = {}
    for doc in docs:
        for token in dict.fromkeys(doc):
            counts[token] = counts.get(token, 0) + 1
    return counts


@MISTAKES.of("count_tokens")
def last_document_only(docs):
    """The dict is emptied for every document, so only the last one is counted: make it before the loop."""
    counts = {}
    for doc in docs:
        counts = {}
        for token in doc:
            counts[token] = counts.get(token, 0) + 1
    return counts


@MISTAKES.of("count_tokens")
def first_document_only(docs):
    """It returns inside the loop, after the first document: the return belongs behind the loop."""
    counts = {}
    for doc in docs:
        for token in doc:
            counts[token] = counts.get(token, 0) + 1
        return counts
    return counts


@MISTAKES.of("count_tokens")
def forgets_earlier_documents(docs):
    """A token's count is overwritten by its count in a later document: add the two."""
    counts = {}
    for doc in docs:
        for token in doc:
            counts[token] = doc.count(token)
    return counts


@MISTAKES.of("count_tokens")
def leaves_out_special_tokens(docs):
    """It leaves out tokens that begin with xx: they are tokens like others here, and are counted."""
    counts = {}
    for doc in docs:
        for token in doc:
            if not token.startswith("xx"):
                counts[token] = counts.get(token, 0) + 1
    return counts


@MISTAKES.of("count_tokens")
def lowers_the_tokens(docs):
    """It lowers the tokens, so "The" and "the" are counted together: take them as they stand."""
    counts = {}
    for doc in docs:
        for token in doc:
            counts[token.lower()] = counts.get(token.lower(), 0) + 1
    return counts


@MISTAKES.of("most_frequent")
def more_than_min_freq(counts, min_freq):
    """It asks for more than min_freq: a token counted exactly min_freq times is kept."""
    return [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] > min_freq]


@MISTAKES.of("most_frequent")
def forgets_min_freq(counts, min_freq):
    """It keeps the rare ones too: min_freq is not used."""
    return sorted(counts, key=counts.get, reverse=True)


@MISTAKES.of("most_frequent")
def forgets_to_sort(counts, min_freq):
    """The tokens still stand in the order in which they were seen: the most frequent come first."""
    return [token for token, count in counts.items() if count >= min_freq]


@MISTAKES.of("most_frequent")
def ties_by_the_alphabet(counts, min_freq):
    """Tokens of the same count come in the order of the alphabet; they should stay in the order of the dict."""
    frequent = [token for token, count in counts.items() if count >= min_freq]
    return sorted(frequent, key=lambda token: (-counts[token], token))


@MISTAKES.of("most_frequent")
def ties_turned_round(counts, min_freq):
    """Sorting upwards and turning the list round also turns round tokens of the same count: sort downwards."""
    frequent = [token for token, count in counts.items() if count >= min_freq]
    return sorted(frequent, key=counts.get)[::-1]


@MISTAKES.of("add_fillers")
def none_for_a_multiple_of_8(tokens):
    """Where the size is a multiple of 8 already, it adds none: there eight are added, as fastai does."""
    return tokens + ["xxfake"] * (-len(tokens) % 8)


@MISTAKES.of("add_fillers")
def only_up_to_8(tokens):
    """It fills up to 8 tokens and does nothing for a longer list: that needs the next multiple of 8."""
    return tokens + ["xxfake"] * (8 - len(tokens) if len(tokens) != 8 else 8)


@MISTAKES.of("add_fillers")
def up_to_a_power_of_2(tokens):
    """It goes on to 8, 16, 32, 64: a multiple of 8 is enough, 24 for instance."""
    size = 8
    while size <= len(tokens):
        size *= 2
    return tokens + ["xxfake"] * (size - len(tokens))


@MISTAKES.of("add_fillers")
def no_fillers_without_tokens(tokens):
    """An empty list comes back empty: 0 is a multiple of 8 like any other, and eight fillers follow."""
    return tokens + ["xxfake"] * (8 - len(tokens) % 8) if tokens else []


@MISTAKES.of("make_vocab")
def special_tokens_twice(counts, min_freq, max_vocab, special_tokens):
    """Special tokens that the text holds stand there twice, in front and among the words: take them out first."""
    words = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] >= min_freq]
    tokens = [*special_tokens, *words][:max_vocab]
    return tokens + ["xxfake"] * (8 - len(tokens) % 8)


@MISTAKES.of("make_vocab")
def special_tokens_come_on_top(counts, min_freq, max_vocab, special_tokens):
    """It takes max_vocab words and puts the special tokens in front: max_vocab counts those as well."""
    words = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] >= min_freq]
    tokens = [*special_tokens, *[token for token in words if token not in special_tokens][:max_vocab]]
    return tokens + ["xxfake"] * (8 - len(tokens) % 8)


@MISTAKES.of("make_vocab")
def forgets_max_vocab(counts, min_freq, max_vocab, special_tokens):
    """Nothing is cut: max_vocab is not used."""
    words = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] >= min_freq]
    tokens = [*special_tokens, *[token for token in words if token not in special_tokens]]
    return tokens + ["xxfake"] * (8 - len(tokens) % 8)


@MISTAKES.of("make_vocab")
def fillers_are_cut_off(counts, min_freq, max_vocab, special_tokens):
    """The fillers are added before the cut, so max_vocab cuts them off, and the size is no multiple of 8."""
    words = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] >= min_freq]
    tokens = [*special_tokens, *[token for token in words if token not in special_tokens]]
    return (tokens + ["xxfake"] * (8 - len(tokens) % 8))[:max_vocab]


@MISTAKES.of("make_vocab")
def cuts_too_early(counts, min_freq, max_vocab, special_tokens):
    """It cuts the words before the special tokens are taken out of them, so places are left that words could have."""
    words = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] >= min_freq]
    words = words[: max_vocab - len(special_tokens)]
    tokens = [*special_tokens, *[token for token in words if token not in special_tokens]]
    return tokens + ["xxfake"] * (8 - len(tokens) % 8)


@MISTAKES.of("make_vocab")
def words_above_min_freq_only(counts, min_freq, max_vocab, special_tokens):
    """It asks for more than min_freq: a word counted exactly min_freq times is kept."""
    words = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] > min_freq]
    tokens = [*special_tokens, *[token for token in words if token not in special_tokens]][:max_vocab]
    return tokens + ["xxfake"] * (8 - len(tokens) % 8)


@MISTAKES.of("make_vocab")
def no_fillers_for_a_multiple_of_8(counts, min_freq, max_vocab, special_tokens):
    """Where the size is a multiple of 8 already, it adds no fillers: there eight are added, as fastai does."""
    words = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] >= min_freq]
    tokens = [*special_tokens, *[token for token in words if token not in special_tokens]][:max_vocab]
    return tokens + ["xxfake"] * (-len(tokens) % 8)


@MISTAKES.of("make_vocab")
def words_in_the_order_of_the_dict(counts, min_freq, max_vocab, special_tokens):
    """The words are not sorted: the most frequent come first, and those are the ones that a cut leaves."""
    words = [token for token, count in counts.items() if count >= min_freq]
    tokens = [*special_tokens, *[token for token in words if token not in special_tokens]][:max_vocab]
    return tokens + ["xxfake"] * (8 - len(tokens) % 8)


@MISTAKES.of("numericalize")
def drops_unknown_tokens(tokens, vocab):
    """Unknown tokens are left out, so the text gets shorter and its neighbours move together: give them id 0."""
    return [vocab.index(token) for token in tokens if token in vocab]


@MISTAKES.of("numericalize")
def breaks_at_unknown_tokens(tokens, vocab):
    """It raises an error at a token that the vocabulary lacks: such tokens get the id of xxunk, 0."""
    ids = {token: number for number, token in enumerate(vocab)}
    return [ids[token] for token in tokens]


@MISTAKES.of("numericalize")
def minus_one_for_unknown_tokens(tokens, vocab):
    """Unknown tokens get -1, and a model would look for a row of that number: they get the id of xxunk, 0."""
    ids = {token: number for number, token in enumerate(vocab)}
    return [ids.get(token, -1) for token in tokens]


@MISTAKES.of("numericalize")
def unknown_tokens_get_a_new_id(tokens, vocab):
    """Unknown tokens get a number after the last one, which no row of the model belongs to: give them id 0."""
    ids = {token: number for number, token in enumerate(vocab)}
    return [ids.get(token, len(vocab)) for token in tokens]


@MISTAKES.of("numericalize")
def lowers_before_it_looks(tokens, vocab):
    """It lowers the tokens before it looks them up: the rules have done that, take the tokens as they stand."""
    ids = {token: number for number, token in enumerate(vocab)}
    return [ids.get(token.lower(), 0) for token in tokens]


@MISTAKES.of("numericalize")
def each_token_once(tokens, vocab):
    """A token that stands twice gets one id only: there is an id for every token of the text, in order."""
    ids = {token: number for number, token in enumerate(vocab)}
    return [ids.get(token, 0) for token in dict.fromkeys(tokens)]


@MISTAKES.of("denumericalize")
def drops_xxunk(ids, vocab):
    """Id 0 is left out (0 counts as False in an `if`): it becomes "xxunk", so that you see where a word is missing."""
    return [vocab[number] for number in ids if number]


@MISTAKES.of("denumericalize")
def drops_special_tokens(ids, vocab):
    """It leaves out tokens that begin with xx: every id becomes a token, else the way back is another text."""
    return [vocab[number] for number in ids if not vocab[number].startswith("xx")]


@MISTAKES.of("denumericalize")
def drops_the_padding(ids, vocab):
    """It leaves out xxpad: every id becomes a token, what to hide is decided elsewhere."""
    return [vocab[number] for number in ids if vocab[number] != "xxpad"]


@MISTAKES.of("denumericalize")
def each_id_once(ids, vocab):
    """An id that stands twice becomes a token once only: a text repeats itself."""
    return [vocab[number] for number in dict.fromkeys(ids)]


@MISTAKES.of("denumericalize")
def sorts_the_ids(ids, vocab):
    """The tokens come in the order of the vocabulary, not of the text: go through the ids, not through the list."""
    return [token for number, token in enumerate(vocab) for _ in range(ids.count(number))]


@MISTAKES.of("unknown_rate")
def divides_by_zero(tokens, vocab):
    """A text without tokens makes it divide by zero: its rate is 0.0."""
    return sum(token not in vocab for token in tokens) / len(tokens)


@MISTAKES.of("unknown_rate")
def share_of_different_tokens(tokens, vocab):
    """It counts each different token once: the rate is a share of the text, with its repetitions."""
    different = set(tokens)
    return len(different - set(vocab)) / len(different) if different else 0.0


@MISTAKES.of("unknown_rate")
def divides_by_the_size_of_the_vocabulary(tokens, vocab):
    """It divides by the size of the vocabulary: divide by how many tokens the text has."""
    return sum(token not in vocab for token in tokens) / len(vocab)


@MISTAKES.of("unknown_rate")
def in_per_cent(tokens, vocab):
    """The rate is a hundred times too large: it lies between 0 and 1."""
    return 100 * sum(token not in vocab for token in tokens) / len(tokens) if tokens else 0.0


@MISTAKES.of("unknown_rate")
def looks_for_xxunk_in_the_text(tokens, vocab):
    """It counts where "xxunk" stands in the text, but the tokens still are words: ask which the vocabulary lacks."""
    return tokens.count("xxunk") / len(tokens) if tokens else 0.0


@MISTAKES.of("unknown_rate")
def rounds_the_rate(tokens, vocab):
    """It rounds: return the rate as it is, and round where you print it."""
    return round(sum(token not in vocab for token in tokens) / len(tokens), 1) if tokens else 0.0


@MISTAKES.of("tokens_needed")
def in_the_order_of_the_dict(counts, share):
    """It adds up the counts as they stand in the dict: the most frequent tokens come first."""
    total, covered, needed = sum(counts.values()), 0, 0
    for count in counts.values():
        if covered >= share * total:
            break
        covered += count
        needed += 1
    return needed


@MISTAKES.of("tokens_needed")
def more_than_the_share(counts, share):
    """It goes on until there is more than the share: exactly the share is enough."""
    total, covered, needed = sum(counts.values()), 0, 0
    for count in sorted(counts.values(), reverse=True):
        if covered > share * total:
            break
        covered += count
        needed += 1
    return needed


@MISTAKES.of("tokens_needed")
def share_of_the_vocabulary(counts, share):
    """It takes a share of the different tokens: what counts is how much of the text they make up."""
    import math

    return math.ceil(share * len(counts))


@MISTAKES.of("tokens_needed")
def rarest_tokens_first(counts, share):
    """It begins with the rarest tokens: sorted() goes upwards unless told otherwise."""
    total, covered, needed = sum(counts.values()), 0, 0
    for count in sorted(counts.values()):
        if covered >= share * total:
            break
        covered += count
        needed += 1
    return needed


@MISTAKES.of("translate_ids")
def keeps_the_ids(ids, old_vocab, new_vocab):
    """The ids are as they were: in another vocabulary the same number is another token."""
    return list(ids)


@MISTAKES.of("translate_ids")
def drops_what_the_new_one_lacks(ids, old_vocab, new_vocab):
    """Tokens that the new vocabulary lacks are left out: they get id 0, so that the text keeps its length."""
    return [new_vocab.index(old_vocab[number]) for number in ids if old_vocab[number] in new_vocab]


@MISTAKES.of("translate_ids")
def breaks_at_tokens_that_are_missing(ids, old_vocab, new_vocab):
    """It raises an error at a token that the new vocabulary lacks: that one gets id 0."""
    return [new_vocab.index(old_vocab[number]) for number in ids]


@MISTAKES.of("translate_ids")
def keeps_the_id_of_what_is_missing(ids, old_vocab, new_vocab):
    """A token that the new vocabulary lacks keeps its old number, which is another token there: it gets id 0."""
    places = {token: number for number, token in enumerate(new_vocab)}
    return [places.get(old_vocab[number], number) for number in ids]


@MISTAKES.of("translate_ids")
def the_wrong_way_round(ids, old_vocab, new_vocab):
    """It translates from the new vocabulary to the old one: the ids were made with the old one."""
    places = {token: number for number, token in enumerate(old_vocab)}
    return [places.get(new_vocab[number], 0) for number in ids]
