"""Wrong answers to problem set 07; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("next_token_probs")
def multiplies_by_the_temperature(logits, temperature, top_k, forbid):
    """It multiplies the logits by the temperature: divide, so that a low temperature makes the model more decided."""
    logits = logits.clone()
    logits[list(forbid)] = float("-inf")
    if top_k is not None:
        logits[logits < logits.topk(top_k).values[-1]] = float("-inf")
    return (logits * temperature).softmax(0)


@MISTAKES.of("next_token_probs")
def divides_the_probabilities(logits, temperature, top_k, forbid):
    """It divides the probabilities by the temperature, and making them add up to 1 again undoes that: divide the
    logits."""
    logits = logits.clone()
    logits[list(forbid)] = float("-inf")
    if top_k is not None:
        logits[logits < logits.topk(top_k).values[-1]] = float("-inf")
    probs = logits.softmax(0)
    probs = (probs == probs.max()).float() if temperature == 0 else probs / temperature
    return probs / probs.sum()


@MISTAKES.of("next_token_probs")
def chooses_before_it_forbids(logits, temperature, top_k, forbid):
    """It takes the top_k first and forbids afterwards, so the forbidden ones take up places: forbid first."""
    logits = logits.clone()
    if top_k is not None:
        logits[logits < logits.topk(top_k).values[-1]] = float("-inf")
    logits[list(forbid)] = float("-inf")
    if temperature == 0:
        return (logits == logits.max()).float()
    return (logits / temperature).softmax(0)


@MISTAKES.of("next_token_probs")
def does_not_add_up(logits, temperature, top_k, forbid):
    """It puts zeros into a finished distribution, and the rest no longer adds up to 1: cut the logits off before the
    softmax, or divide by the sum."""
    cut = logits.clone()
    cut[list(forbid)] = float("-inf")
    if top_k is not None:
        cut[cut < cut.topk(top_k).values[-1]] = float("-inf")
    if temperature == 0:
        return (cut == cut.max()).float()
    probs = (logits / temperature).softmax(0)
    probs[cut == float("-inf")] = 0
    return probs


@MISTAKES.of("next_token_probs")
def takes_zero_for_never(logits, temperature, top_k, forbid):
    """It gives a forbidden token the logit 0, which is a logit like any other: never is minus infinity."""
    logits = logits.clone()
    logits[list(forbid)] = 0.0
    if top_k is not None:
        logits[logits < logits.topk(top_k).values[-1]] = float("-inf")
    if temperature == 0:
        return (logits == logits.max()).float()
    return (logits / temperature).softmax(0)


@MISTAKES.of("next_token_probs")
def keeps_one_too_many(logits, temperature, top_k, forbid):
    """It keeps one token more than top_k: in a list sorted from the top, number top_k is the first to go."""
    logits = logits.clone()
    logits[list(forbid)] = float("-inf")
    if top_k is not None and top_k < len(logits):
        logits[logits < logits.sort(descending=True).values[top_k]] = float("-inf")
    if temperature == 0:
        return (logits == logits.max()).float()
    return (logits / temperature).softmax(0)


@MISTAKES.of("next_token_probs")
def divides_by_zero(logits, temperature, top_k, forbid):
    """It divides by a temperature of 0. That case is one of its own: all the probability goes to the most probable
    token."""
    logits = logits.clone()
    logits[list(forbid)] = float("-inf")
    if top_k is not None:
        logits[logits < logits.topk(top_k).values[-1]] = float("-inf")
    return (logits / temperature).softmax(0)


@MISTAKES.of("keep_min_p")
def takes_min_p_for_a_probability(probs, min_p):
    """It compares with min_p itself. The limit is a share of the highest probability: min_p times that."""
    kept = probs * (probs >= min_p)
    return kept / kept.sum()


@MISTAKES.of("keep_min_p")
def leaves_the_sum_below_one(probs, min_p):
    """What is left does not add up to 1 any more: divide by the sum."""
    return probs * (probs >= min_p * probs.max())


@MISTAKES.of("keep_min_p")
def drops_what_reaches_the_limit(probs, min_p):
    """It drops what is just at the limit, and with min_p = 1 the most probable token itself: what reaches the limit
    stays."""
    kept = probs * (probs > min_p * probs.max())
    return kept / kept.sum()


@MISTAKES.of("keep_min_p")
def takes_the_first_for_the_highest(probs, min_p):
    """It takes the first probability for the highest: they stand in the order of the vocabulary, not sorted."""
    kept = probs * (probs >= min_p * probs[0])
    return kept / kept.sum()


@MISTAKES.of("keep_min_p")
def writes_into_the_probabilities(probs, min_p):
    """It puts the zeros into the tensor that it was given: work on a copy, or multiply by a mask."""
    probs[probs < min_p * probs.max()] = 0
    return probs / probs.sum()


@MISTAKES.of("draw")
def takes_the_most_probable(probs, u):
    """It takes the most probable token whatever u is. Then the text has no variety at all: u decides."""
    return int(probs.argmax())


@MISTAKES.of("draw")
def stops_when_it_reaches(probs, u):
    """It stops where the sum reaches u, and not where it passes it. With u = 0 that may be a token of probability
    0, a forbidden one."""
    total = 0.0
    for number, prob in enumerate(probs.tolist()):
        total += prob
        if total >= u:
            return number
    return int(probs.nonzero()[-1])


@MISTAKES.of("draw")
def falls_off_the_end(probs, u):
    """Where rounding has left the sum just below u, it takes the last token of the vocabulary, which may be forbidden:
    take the last one that has a probability above 0."""
    total = 0.0
    for number, prob in enumerate(probs.tolist()):
        total += prob
        if total > u:
            return number
    return len(probs) - 1


@MISTAKES.of("draw")
def returns_the_rank(probs, u):
    """It sorts the probabilities first, and returns a place in the sorted list: what is wanted is the id, the place in
    the vocabulary."""
    total = 0.0
    for rank, prob in enumerate(probs.sort(descending=True).values.tolist()):
        total += prob
        if total > u:
            return rank
    return int(probs.nonzero()[-1])


@MISTAKES.of("draw")
def counts_what_is_left(probs, u):
    """It takes the zeros out first, and then counts only the tokens that are left: their ids have changed."""
    total = 0.0
    left = [prob for prob in probs.tolist() if prob > 0]
    for number, prob in enumerate(left):
        total += prob
        if total > u:
            return number
    return len(left) - 1


@MISTAKES.of("generate")
def forgets_the_state(model, ids, n, choose, stop):
    """It gives the model the last token alone, without the state: then the model has forgotten the text before it."""
    import torch

    written, unread = [], list(ids)
    for _ in range(n):
        chosen = choose(model(torch.tensor([unread]), None).logits[0, -1])
        if chosen == stop:
            break
        written.append(chosen)
        unread = [chosen]
    return written


@MISTAKES.of("generate")
def reads_all_of_it_again(model, ids, n, choose, stop):
    """It gives the model the whole text again for every token. The words are the same, but each costs more than the
    one before: pass the state on, and only the new token."""
    import torch

    written = []
    for _ in range(n):
        chosen = choose(model(torch.tensor([[*ids, *written]]), None).logits[0, -1])
        if chosen == stop:
            break
        written.append(chosen)
    return written


@MISTAKES.of("generate")
def writes_the_stop_token(model, ids, n, choose, stop):
    """It writes the token that ends the text: that is a sign to stop, not a part of the text."""
    import torch

    written, unread, state = [], list(ids), None
    for _ in range(n):
        output = model(torch.tensor([unread]), state)
        chosen = choose(output.logits[0, -1])
        written.append(chosen)
        if chosen == stop:
            break
        unread, state = [chosen], output.state
    return written


@MISTAKES.of("generate")
def never_stops(model, ids, n, choose, stop):
    """It goes on after the token that ends the text, into a text of its own: stop there."""
    import torch

    written, unread, state = [], list(ids), None
    for _ in range(n):
        output = model(torch.tensor([unread]), state)
        chosen = choose(output.logits[0, -1])
        written.append(chosen)
        unread, state = [chosen], output.state
    return written


@MISTAKES.of("generate")
def leaves_the_stop_token_out(model, ids, n, choose, stop):
    """It leaves out the token that ends the text and goes on behind it: the text has ended there."""
    import torch

    written, unread, state = [], list(ids), None
    for _ in range(n):
        output = model(torch.tensor([unread]), state)
        chosen = choose(output.logits[0, -1])
        if chosen != stop:
            written.append(chosen)
        unread, state = [chosen], output.state
    return written


@MISTAKES.of("generate")
def looks_at_the_first_token(model, ids, n, choose, stop):
    """It uses what the model foretold after the first token of the prompt: what comes after the last one is wanted,
    at [0, -1]."""
    import torch

    written, unread, state = [], list(ids), None
    for _ in range(n):
        output = model(torch.tensor([unread]), state)
        chosen = choose(output.logits[0, 0])
        if chosen == stop:
            break
        written.append(chosen)
        unread, state = [chosen], output.state
    return written


@MISTAKES.of("decode_special_tokens")
def makes_every_part_a_title(tokens):
    """str.title makes a capital of every letter that follows none, so o'hara becomes O'Hara: only the first letter of
    the token is a capital."""
    words, left = [], list(tokens)
    marks = ("xxbos", "xxeos", "xxpad", "xxmaj", "xxup", "xxrep", "xxwrep")
    while left:
        token = left.pop(0)
        if token in ("xxmaj", "xxup"):
            if left and left[0] not in marks:
                word = left.pop(0)
                words.append(word.title() if token == "xxmaj" else word.upper())
        elif token in ("xxrep", "xxwrep"):
            if len(left) > 1 and left[0].isdigit() and left[1] not in marks:
                count, what = int(left.pop(0)), left.pop(0)
                words += [what * count] if token == "xxrep" else [what] * count
        elif token not in marks:
            words.append(token)
    return " ".join(words)


@MISTAKES.of("decode_special_tokens")
def capitalises_all_caps(tokens):
    """It gives a word after xxup one capital only: xxup means that the whole word stood in capitals."""
    words, left = [], list(tokens)
    marks = ("xxbos", "xxeos", "xxpad", "xxmaj", "xxup", "xxrep", "xxwrep")
    while left:
        token = left.pop(0)
        if token in ("xxmaj", "xxup"):
            if left and left[0] not in marks:
                words.append(left.pop(0).capitalize())
        elif token in ("xxrep", "xxwrep"):
            if len(left) > 1 and left[0].isdigit() and left[1] not in marks:
                count, what = int(left.pop(0)), left.pop(0)
                words += [what * count] if token == "xxrep" else [what] * count
        elif token not in marks:
            words.append(token)
    return " ".join(words)


@MISTAKES.of("decode_special_tokens")
def repeats_one_time_too_few(tokens):
    """It repeats one time too few: the number says how often the character or word stood there in all."""
    words, left = [], list(tokens)
    marks = ("xxbos", "xxeos", "xxpad", "xxmaj", "xxup", "xxrep", "xxwrep")
    while left:
        token = left.pop(0)
        if token in ("xxmaj", "xxup"):
            if left and left[0] not in marks:
                word = left.pop(0)
                words.append(word.capitalize() if token == "xxmaj" else word.upper())
        elif token in ("xxrep", "xxwrep"):
            if len(left) > 1 and left[0].isdigit() and left[1] not in marks:
                count, what = int(left.pop(0)) - 1, left.pop(0)
                words += [what * count] if token == "xxrep" else [what] * count
        elif token not in marks:
            words.append(token)
    return " ".join(words)


@MISTAKES.of("decode_special_tokens")
def glues_words_together(tokens):
    """It glues repeated words together like characters: after xxwrep there is a space between them."""
    words, left = [], list(tokens)
    marks = ("xxbos", "xxeos", "xxpad", "xxmaj", "xxup", "xxrep", "xxwrep")
    while left:
        token = left.pop(0)
        if token in ("xxmaj", "xxup"):
            if left and left[0] not in marks:
                word = left.pop(0)
                words.append(word.capitalize() if token == "xxmaj" else word.upper())
        elif token in ("xxrep", "xxwrep"):
            if len(left) > 1 and left[0].isdigit() and left[1] not in marks:
                count, what = int(left.pop(0)), left.pop(0)
                words.append(what * count)
        elif token not in marks:
            words.append(token)
    return " ".join(words)


@MISTAKES.of("decode_special_tokens")
def sets_characters_apart(tokens):
    """It puts spaces between repeated characters: after xxrep they stand side by side, as one token."""
    words, left = [], list(tokens)
    marks = ("xxbos", "xxeos", "xxpad", "xxmaj", "xxup", "xxrep", "xxwrep")
    while left:
        token = left.pop(0)
        if token in ("xxmaj", "xxup"):
            if left and left[0] not in marks:
                word = left.pop(0)
                words.append(word.capitalize() if token == "xxmaj" else word.upper())
        elif token in ("xxrep", "xxwrep"):
            if len(left) > 1 and left[0].isdigit() and left[1] not in marks:
                count, what = int(left.pop(0)), left.pop(0)
                words += [what] * count
        elif token not in marks:
            words.append(token)
    return " ".join(words)


@MISTAKES.of("decode_special_tokens")
def keeps_the_marks_of_texts(tokens):
    """It leaves xxbos, xxeos and xxpad in the text: nobody wrote those, and nobody wants to read them."""
    words, left = [], list(tokens)
    marks = ("xxbos", "xxeos", "xxpad", "xxmaj", "xxup", "xxrep", "xxwrep")
    while left:
        token = left.pop(0)
        if token in ("xxmaj", "xxup"):
            if left and left[0] not in marks:
                word = left.pop(0)
                words.append(word.capitalize() if token == "xxmaj" else word.upper())
        elif token in ("xxrep", "xxwrep"):
            if len(left) > 1 and left[0].isdigit() and left[1] not in marks:
                count, what = int(left.pop(0)), left.pop(0)
                words += [what * count] if token == "xxrep" else [what] * count
        else:
            words.append(token)
    return " ".join(words)


@MISTAKES.of("decode_special_tokens")
def trusts_the_model(tokens):
    """It takes for granted that something sensible follows every mark. A model may end with xxmaj, or write xxrep
    before a word: then the mark alone is dropped."""
    words, left = [], list(tokens)
    while left:
        token = left.pop(0)
        if token == "xxmaj":
            words.append(left.pop(0).capitalize())
        elif token == "xxup":
            words.append(left.pop(0).upper())
        elif token in ("xxrep", "xxwrep"):
            count, what = int(left.pop(0)), left.pop(0)
            words += [what * count] if token == "xxrep" else [what] * count
        elif token not in ("xxbos", "xxeos", "xxpad"):
            words.append(token)
    return " ".join(words)


@MISTAKES.of("copied_share")
def runs_from_text_to_text(written, texts, n):
    """It lays the texts end to end, and finds runs that begin in one text and end in the next: a run lies within one
    text."""
    line = [token for text in texts for token in text]
    known = {tuple(line[i : i + n]) for i in range(len(line) - n + 1)}
    runs = [tuple(written[i : i + n]) for i in range(len(written) - n + 1)]
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


@MISTAKES.of("copied_share")
def counts_each_run_once(written, texts, n):
    """It counts a run that was written twice only once: every run of what was written counts."""
    known = {tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)}
    runs = {tuple(written[i : i + n]) for i in range(len(written) - n + 1)}
    return len(runs & known) / len(runs) if runs else 0.0


@MISTAKES.of("copied_share")
def divides_by_the_tokens(written, texts, n):
    """It divides by the number of tokens: divide by the number of runs, of which there are n - 1 fewer."""
    known = {tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)}
    runs = [tuple(written[i : i + n]) for i in range(len(written) - n + 1)]
    return sum(run in known for run in runs) / len(written) if runs else 0.0


@MISTAKES.of("copied_share")
def misses_the_last_run(written, texts, n):
    """It misses the last run of what was written: the last one begins n tokens before the end."""
    known = {tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)}
    runs = [tuple(written[i : i + n]) for i in range(len(written) - n)]
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


@MISTAKES.of("copied_share")
def divides_by_no_runs(written, texts, n):
    """It divides by 0 where too little was written for a single run: then the share is 0.0."""
    known = {tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)}
    runs = [tuple(written[i : i + n]) for i in range(len(written) - n + 1)]
    return sum(run in known for run in runs) / len(runs)
