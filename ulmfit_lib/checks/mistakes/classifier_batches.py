"""Wrong answers to problem set 08; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("pad_batch")
def first_is_the_longest(docs, pad_id, pad_first):
    """It fills up to the length of the first document, as if that were always the longest: compare all of them."""
    longest = len(docs[0])
    rows = []
    for doc in docs:
        filler = [pad_id] * (longest - len(doc))
        rows.append(filler + doc if pad_first else doc + filler)
    return rows


@MISTAKES.of("pad_batch")
def always_fills_with_1(docs, pad_id, pad_first):
    """It fills up with 1 whatever `pad_id` says: another vocabulary has xxpad at another place."""
    longest = max(len(doc) for doc in docs)
    rows = []
    for doc in docs:
        filler = [1] * (longest - len(doc))
        rows.append(filler + doc if pad_first else doc + filler)
    return rows


@MISTAKES.of("pad_batch")
def always_behind(docs, pad_id, pad_first):
    """It fills up behind the document, also where `pad_first` asks for the padding in front."""
    longest = max(len(doc) for doc in docs)
    return [doc + [pad_id] * (longest - len(doc)) for doc in docs]


@MISTAKES.of("pad_batch")
def fills_the_documents_themselves(docs, pad_id, pad_first):
    """`append`, `extend` and `+=` change the list itself, so the caller's documents are padded from then on: make new
    lists."""
    longest = max(len(doc) for doc in docs)
    if pad_first:
        return [[pad_id] * (longest - len(doc)) + doc for doc in docs]
    for doc in docs:
        doc += [pad_id] * (longest - len(doc))
    return docs


@MISTAKES.of("pad_batch")
def leaves_empty_documents_out(docs, pad_id, pad_first):
    """An empty document got no row. Then the rows below it belong to other documents than their labels do."""
    longest = max(len(doc) for doc in docs)
    rows = []
    for doc in docs:
        if doc:
            filler = [pad_id] * (longest - len(doc))
            rows.append(filler + doc if pad_first else doc + filler)
    return rows


@MISTAKES.of("padding_waste")
def averages_the_batches(lengths, batches):
    """It takes the share of each batch and then their mean, so that a small batch counts as much as a large one: count
    cells over all batches, and divide once."""
    shares = []
    for batch in batches:
        inside = [lengths[number] for number in batch]
        shares.append(1 - sum(inside) / (len(inside) * max(inside)))
    return sum(shares) / len(shares) if shares else 0.0


@MISTAKES.of("padding_waste")
def as_wide_as_the_longest_of_all(lengths, batches):
    """It makes every batch as wide as the longest document of all: a batch is as wide as its own longest."""
    real = sum(lengths[number] for batch in batches for number in batch)
    cells = sum(len(batch) for batch in batches) * max(lengths)
    return 1 - real / cells if cells else 0.0


@MISTAKES.of("padding_waste")
def width_of_the_first(lengths, batches):
    """It takes the first document of each batch for its longest, which is true only where they are sorted."""
    real = sum(lengths[number] for batch in batches for number in batch)
    cells = sum(len(batch) * lengths[batch[0]] for batch in batches)
    return 1 - real / cells if cells else 0.0


@MISTAKES.of("padding_waste")
def counts_every_batch_as_full(lengths, batches):
    """It gives every batch as many rows as the first has; the last batch may be smaller."""
    real = cells = 0
    for batch in batches:
        inside = [lengths[number] for number in batch]
        real += sum(inside)
        cells += len(batches[0]) * max(inside)
    return 1 - real / cells if cells else 0.0


@MISTAKES.of("padding_waste")
def counts_documents_of_no_batch(lengths, batches):
    """It adds up all lengths, also those of documents that are in no batch: only what is in the batches counts."""
    cells = sum(len(batch) * max(lengths[number] for number in batch) for batch in batches)
    return 1 - sum(lengths) / cells if cells else 0.0


@MISTAKES.of("padding_waste")
def divides_by_nothing(lengths, batches):
    """Without batches there are no cells, and it divides by 0: nothing is wasted then, 0.0."""
    real = sum(lengths[number] for batch in batches for number in batch)
    cells = sum(len(batch) * max(lengths[number] for number in batch) for batch in batches)
    return 1 - real / cells


@MISTAKES.of("sorted_batches")
def turns_equal_ones_round(lengths, bs):
    """Of documents of the same length the later one comes first: sorting and then turning the list round does that.
    `sorted` with reverse=True leaves equal ones as they are."""
    numbers = sorted(range(len(lengths)), key=lambda number: lengths[number])[::-1]
    return [numbers[begin : begin + bs] for begin in range(0, len(numbers), bs)]


@MISTAKES.of("sorted_batches")
def drops_the_last_batch(lengths, bs):
    """It drops the last batch where that is not full: those documents would never be read."""
    numbers = sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True)
    return [numbers[begin : begin + bs] for begin in range(0, len(numbers) - bs + 1, bs)]


@MISTAKES.of("sorted_batches")
def sorts_inside_the_batches(lengths, bs):
    """It cuts first and sorts inside each batch, so the same documents share a batch as before: sort first, then
    cut."""
    batches = [list(range(begin, min(begin + bs, len(lengths)))) for begin in range(0, len(lengths), bs)]
    return [sorted(batch, key=lambda number: lengths[number], reverse=True) for batch in batches]


@MISTAKES.of("sorted_batches")
def looks_documents_up_by_length(lengths, bs):
    """It finds a document again by its length (`lengths.index`), and of two with the same length it finds the first
    twice: sort the numbers themselves."""
    numbers = [lengths.index(length) for length in sorted(lengths, reverse=True)]
    return [numbers[begin : begin + bs] for begin in range(0, len(numbers), bs)]


@MISTAKES.of("sorted_batches")
def one_document_a_length(lengths, bs):
    """A dictionary from length to number keeps one document of each length and loses the others."""
    number_of = {length: number for number, length in enumerate(lengths)}
    numbers = [number_of[length] for length in sorted(number_of, reverse=True)]
    return [numbers[begin : begin + bs] for begin in range(0, len(numbers), bs)]


@MISTAKES.of("shuffled_batches")
def one_group_of_all(lengths, bs, order, group):
    """It sorts all documents at once, and every epoch would have the same batches: sort inside each group only."""
    documents = sorted(order, key=lambda number: lengths[number], reverse=True)
    return [documents[begin : begin + bs] for begin in range(0, len(documents), bs)]


@MISTAKES.of("shuffled_batches")
def ignores_the_order(lengths, bs, order, group):
    """It takes the documents in the order of the data: `order` says in which order they are cut into groups."""
    numbers, documents = list(range(len(lengths))), []
    for begin in range(0, len(numbers), group * bs):
        documents += sorted(numbers[begin : begin + group * bs], key=lambda number: lengths[number], reverse=True)
    return [documents[begin : begin + bs] for begin in range(0, len(documents), bs)]


@MISTAKES.of("shuffled_batches")
def groups_of_documents(lengths, bs, order, group):
    """Its groups hold `group` documents: they hold `group` *batches*, so group * bs documents."""
    documents = []
    for begin in range(0, len(order), group):
        documents += sorted(order[begin : begin + group], key=lambda number: lengths[number], reverse=True)
    return [documents[begin : begin + bs] for begin in range(0, len(documents), bs)]


@MISTAKES.of("shuffled_batches")
def sorts_only_the_batches(lengths, bs, order, group):
    """It cuts into batches before it sorts, so a batch holds documents of any length: sort a whole group, then cut."""
    batches = [order[begin : begin + bs] for begin in range(0, len(order), bs)]
    return [sorted(batch, key=lambda number: lengths[number], reverse=True) for batch in batches]


@MISTAKES.of("shuffled_batches")
def takes_places_for_numbers(lengths, bs, order, group):
    """It looks up the length of a *place* in `order`, not of the document that stands there."""
    documents = []
    for begin in range(0, len(order), group * bs):
        places = range(begin, min(begin + group * bs, len(order)))
        places = sorted(places, key=lambda place: lengths[place], reverse=True)
        documents += [order[place] for place in places]
    return [documents[begin : begin + bs] for begin in range(0, len(documents), bs)]


@MISTAKES.of("token_budget_batches")
def counts_tokens_without_padding(lengths, max_tokens):
    """It adds up the documents' own tokens. Padding takes memory too: count documents times the longest."""
    batches, inside = [], 0
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True):
        if batches and inside + lengths[number] <= max_tokens:
            batches[-1].append(number)
            inside += lengths[number]
        else:
            batches.append([number])
            inside = lengths[number]
    return batches


@MISTAKES.of("token_budget_batches")
def wants_it_smaller_than_the_budget(lengths, max_tokens):
    """A batch of exactly `max_tokens` still fits: it compares with < where <= is meant."""
    batches = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] < max_tokens:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches


@MISTAKES.of("token_budget_batches")
def leaves_long_documents_out(lengths, max_tokens):
    """A document longer than the budget is left out; it has to be read too, in a batch of its own."""
    batches = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True):
        if lengths[number] > max_tokens:
            continue
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= max_tokens:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches


@MISTAKES.of("token_budget_batches")
def does_not_sort(lengths, max_tokens):
    """It takes the documents as they come, so short and long ones share a batch: longest first."""
    batches = []
    for number in range(len(lengths)):
        longest = max(lengths[inside] for inside in [*(batches[-1] if batches else []), number])
        if batches and (len(batches[-1]) + 1) * longest <= max_tokens:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches


@MISTAKES.of("token_budget_batches")
def width_of_the_newest(lengths, max_tokens):
    """It takes the length of the document that is about to be added for the width of the batch; the width is that of
    the longest, which is in it already."""
    batches = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True):
        if batches and (len(batches[-1]) + 1) * lengths[number] <= max_tokens:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches


@MISTAKES.of("restore_order")
def applies_the_order_again(values, order):
    """It takes values[order[0]] first, which shuffles them once more: the first value *belongs to* document
    order[0], so that is the place it goes to."""
    return [values[number] for number in order]


@MISTAKES.of("restore_order")
def leaves_them_as_they_are(values, order):
    """The values come back as they were, in the order of the batches: `order` is not used."""
    return list(values)


@MISTAKES.of("restore_order")
def inserts_one_after_the_other(values, order):
    """`list.insert` pushes what stands there already to the right, so earlier values lose their places: begin with a
    list of the right length and write into it."""
    restored = []
    for value, number in zip(values, order, strict=True):
        restored.insert(number, value)
    return restored


@MISTAKES.of("restore_order")
def finds_a_value_by_what_it_is(values, order):
    """It looks up where a value stands (`values.index`), and finds the first of several equal ones each time: two
    documents may well get the same prediction."""
    return sorted(values, key=lambda value: order[values.index(value)])


@MISTAKES.of("restore_order")
def sorts_the_values(values, order):
    """It sorts the values by themselves; it is the numbers in `order` that are sorted."""
    return list(values) if list(order) == sorted(order) else sorted(values)


@MISTAKES.of("restore_order")
def sorts_the_order_itself(values, order):
    """It sorts `order` itself (`list.sort`), and whoever gave it to you needs it again: work on a copy."""
    restored = [value for _, value in sorted(zip(order, values, strict=True), key=lambda pair: pair[0])]
    order.sort()
    return restored


@MISTAKES.of("masked_mean")
def divides_by_the_whole_row(values, ids, pad_id):
    """The sum is right, but it divides by the length of the whole row: padding does not count there either."""
    means = []
    for row, its_ids in zip(values, ids, strict=True):
        real = [value for value, token in zip(row, its_ids, strict=True) if token != pad_id]
        means.append(sum(real) / len(row))
    return means


@MISTAKES.of("masked_mean")
def takes_padding_along(values, ids, pad_id):
    """It is the ordinary mean of the row, values at padding included: leave those out."""
    return [sum(row) / len(row) for row in values]


@MISTAKES.of("masked_mean")
def stops_at_the_first_padding(values, ids, pad_id):
    """It stops at the first padding, as if that always stood behind; it may stand in front too."""
    means = []
    for row, its_ids in zip(values, ids, strict=True):
        size = its_ids.index(pad_id) if pad_id in its_ids else len(its_ids)
        means.append(sum(row[:size]) / size if size else 0.0)
    return means


@MISTAKES.of("masked_mean")
def drops_values_of_0(values, ids, pad_id):
    """It leaves out values of 0, as if they were padding: ask the id, not the value."""
    means = []
    for row, its_ids in zip(values, ids, strict=True):
        real = [value for value, token in zip(row, its_ids, strict=True) if token != pad_id and value]
        means.append(sum(real) / len(real) if real else 0.0)
    return means


@MISTAKES.of("masked_mean")
def takes_1_for_padding(values, ids, pad_id):
    """It leaves out the id 1 whatever `pad_id` says."""
    means = []
    for row, its_ids in zip(values, ids, strict=True):
        real = [value for value, token in zip(row, its_ids, strict=True) if token != 1]
        means.append(sum(real) / len(real) if real else 0.0)
    return means
