"""At least two other algorithms for every exercise of problem set 07, each able to stand alone."""


def next_token_probs__powers_of_probabilities(logits, temperature, top_k, forbid):
    import torch

    weights = (logits - logits.max()).exp().tolist()
    for number in forbid:
        weights[number] = 0.0
    ranked = sorted(range(len(weights)), key=lambda number: -weights[number])
    if temperature == 0:
        top_k = 1
    for number in ranked[top_k if top_k is not None else len(weights) :]:
        weights[number] = 0.0
    if temperature != 0:
        weights = [weight ** (1 / temperature) if weight else 0.0 for weight in weights]
    return torch.tensor([weight / sum(weights) for weight in weights])


def next_token_probs__only_the_kept(logits, temperature, top_k, forbid):
    import torch

    allowed = [number for number in range(len(logits)) if number not in forbid]
    allowed.sort(key=lambda number: logits[number].item(), reverse=True)
    if temperature == 0:
        allowed, temperature = allowed[:1], 1
    allowed = allowed[:top_k]
    probs = torch.zeros(len(logits))
    probs[allowed] = torch.softmax(logits[allowed] / temperature, dim=0)
    return probs


def keep_min_p__a_loop(probs, min_p):
    import torch

    numbers = probs.tolist()
    limit = min_p * max(numbers)
    kept = [number if number >= limit else 0.0 for number in numbers]
    return torch.tensor([number / sum(kept) for number in kept])


def keep_min_p__logits(probs, min_p):
    import math

    logits = probs.log()
    lowest = logits.max() + (math.log(min_p) if min_p > 0 else -math.inf)
    return logits.masked_fill(logits < lowest, -math.inf).softmax(0)


def draw__take_away(probs, u):
    last = None
    for number, prob in enumerate(probs.tolist()):
        if prob == 0:
            continue
        if u < prob:
            return number
        u -= prob
        last = number
    return last


def draw__bisect(probs, u):
    from bisect import bisect_right
    from itertools import accumulate

    ends = list(accumulate(probs.tolist()))
    return min(bisect_right(ends, u), max(number for number, prob in enumerate(probs.tolist()) if prob > 0))


def generate__token_by_token(model, ids, n, choose, stop):
    import torch

    written, state, logits = [], None, None
    for token in ids:
        output = model(torch.tensor([[token]]), state)
        state, logits = output.state, output.logits[0, 0]
    while len(written) < n:
        token = choose(logits)
        if token == stop:
            return written
        written.append(token)
        output = model(torch.tensor([[token]]), state)
        state, logits = output.state, output.logits[0, 0]
    return written


def generate__a_generator_cut_short(model, ids, n, choose, stop):
    from itertools import islice, takewhile

    import torch

    def tokens():
        unread, state = list(ids), None
        while True:
            output = model(torch.tensor([unread]), state)
            state = output.state
            unread = [choose(output.logits[0, -1])]
            yield unread[0]

    return list(takewhile(lambda token: token != stop, islice(tokens(), n)))


def decode_special_tokens__places(tokens):
    words, place = [], 0
    plain = [not token.startswith("xx") for token in tokens] + [False, False, False]
    while place < len(tokens):
        token = tokens[place]
        if plain[place]:
            words.append(token)
        elif token in ("xxmaj", "xxup") and plain[place + 1]:
            word = tokens[place + 1]
            words.append(word.upper() if token == "xxup" else word.capitalize())
            place += 1
        elif token in ("xxrep", "xxwrep") and plain[place + 1] and plain[place + 2] and tokens[place + 1].isdigit():
            glue = "" if token == "xxrep" else " "
            words.append(glue.join([tokens[place + 2]] * int(tokens[place + 1])))
            place += 2
        place += 1
    return " ".join(words)


def decode_special_tokens__patterns(tokens):
    import re

    text = " " + "".join(token + " " for token in tokens)
    text = re.sub(r"(?<= )xx(?:bos|eos|pad) ", "", text)
    text = re.sub(r"(?<= )xxrep (\d+) (?!xx)(\S+)(?= )", lambda m: m[2] * int(m[1]), text)
    text = re.sub(r"(?<= )xxwrep (\d+) (?!xx)(\S+)(?= )", lambda m: " ".join([m[2]] * int(m[1])), text)
    text = re.sub(r"(?<= )xxmaj (?!xx)(\S+)(?= )", lambda m: m[1].capitalize(), text)
    text = re.sub(r"(?<= )xxup (?!xx)(\S+)(?= )", lambda m: m[1].upper(), text)
    return " ".join(re.sub(r"(?<= )xx\w+(?= )", "", text).split())


def copied_share__look_into_each_text(written, texts, n):
    count = len(written) - n + 1
    if count < 1:
        return 0.0
    found = 0
    for start in range(count):
        run = written[start : start + n]
        found += any(text[i : i + n] == run for text in texts for i in range(len(text) - n + 1))
    return found / count


def copied_share__zip_shifted_lists(written, texts, n):
    def runs(tokens):
        return list(zip(*(tokens[shift:] for shift in range(n)), strict=False))

    known = set()
    for text in texts:
        known.update(runs(text))
    hits = [run in known for run in runs(written)]
    return sum(hits) / max(len(hits), 1)
