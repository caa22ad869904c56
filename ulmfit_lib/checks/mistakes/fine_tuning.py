"""Wrong answers to problem set 06; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("match_embeddings")
def new_words_get_zeros(old_weight, old_tokens, new_tokens):
    """New words got zeros. Nothing is known about them, so they begin as an average word: the mean of all old rows."""
    import torch

    new = torch.zeros(len(new_tokens), *old_weight.shape[1:])
    for row, token in enumerate(new_tokens):
        if token in old_tokens:
            new[row] = old_weight[old_tokens.index(token)]
    return new


@MISTAKES.of("match_embeddings")
def keeps_the_old_places(old_weight, old_tokens, new_tokens):
    """It copies row 3 to row 3. The same token may stand in another place of the new vocabulary: look for the row by
    the token."""
    import torch

    new = old_weight.mean(0).expand(len(new_tokens), *old_weight.shape[1:]).clone()
    for row, token in enumerate(new_tokens):
        if token in old_tokens and row < len(old_weight):
            new[row] = old_weight[row]
    return torch.as_tensor(new)


@MISTAKES.of("match_embeddings")
def one_mean_for_all_columns(old_weight, old_tokens, new_tokens):
    """Its mean is a single number. Each column has its own mean: take it over the rows, with dim=0."""
    import torch

    new = torch.zeros(len(new_tokens), *old_weight.shape[1:])
    for row, token in enumerate(new_tokens):
        new[row] = old_weight[old_tokens.index(token)] if token in old_tokens else old_weight.mean()
    return new


@MISTAKES.of("match_embeddings")
def mean_of_the_shared_words(old_weight, old_tokens, new_tokens):
    """The mean is that of the words in both vocabularies only: it is taken over all old rows."""
    import torch

    shared = [old_tokens.index(token) for token in new_tokens if token in old_tokens]
    mean = old_weight[shared].mean(0) if shared else old_weight.mean(0)
    new = torch.zeros(len(new_tokens), *old_weight.shape[1:])
    for row, token in enumerate(new_tokens):
        new[row] = old_weight[old_tokens.index(token)] if token in old_tokens else mean
    return new


@MISTAKES.of("match_embeddings")
def new_words_are_unknown(old_weight, old_tokens, new_tokens):
    """New words got row 0, the row of xxunk. They are known now, only their meaning is not: begin with the mean."""
    rows = [old_tokens.index(token) if token in old_tokens else 0 for token in new_tokens]
    return old_weight[rows]


@MISTAKES.of("match_embeddings")
def needs_a_matrix(old_weight, old_tokens, new_tokens):
    """It asks for the second size of the weights, and a bias has one axis only: old_weight.shape[1:] fits both."""
    import torch

    new = torch.zeros(len(new_tokens), old_weight.shape[1])
    for row, token in enumerate(new_tokens):
        new[row] = old_weight[old_tokens.index(token)] if token in old_tokens else old_weight.mean(0)
    return new


@MISTAKES.of("freeze_to")
def negative_numbers_freeze_nothing(groups, n):
    """It compares places with a negative n, and every place is larger: count from the end first, len(groups) + n."""
    for index, group in enumerate(groups):
        for parameter in group:
            parameter.requires_grad = index >= n


@MISTAKES.of("freeze_to")
def counts_the_end_from_zero(groups, n):
    """Counted from the end, the last group is -1, not 0: it freezes one group too few."""
    first = n if n >= 0 else max(len(groups) - 1 + n, 0)
    for index, group in enumerate(groups):
        for parameter in group:
            parameter.requires_grad = index >= first


@MISTAKES.of("freeze_to")
def never_lets_learn_again(groups, n):
    """It freezes and never lets learn again: a group that was frozen before and comes after n has to learn now."""
    for group in groups[: n if n >= 0 else len(groups) + n]:
        for parameter in group:
            parameter.requires_grad = False


@MISTAKES.of("freeze_to")
def only_the_first_of_a_group(groups, n):
    """It sets the first parameter of each group, and the others (the biases, say) stay as they were."""
    first = n if n >= 0 else len(groups) + n
    for index, group in enumerate(groups):
        if group:
            group[0].requires_grad = index >= first


@MISTAKES.of("freeze_to")
def one_group_alone_learns(groups, n):
    """Only group n learns: it is group n and all that come after it."""
    first = n if n >= 0 else len(groups) + n
    shared = {id(parameter) for parameter in groups[first]}
    for group in groups:
        for parameter in group:
            parameter.requires_grad = id(parameter) in shared


@MISTAKES.of("freeze_to")
def freezes_what_is_shared(groups, n):
    """It freezes last, and so a parameter that also stands in a group that learns: the embedding in the first group
    is the decoder in the last one."""
    first = n if n >= 0 else len(groups) + n
    for group in groups[first:]:
        for parameter in group:
            parameter.requires_grad = True
    for group in groups[:first]:
        for parameter in group:
            parameter.requires_grad = False


@MISTAKES.of("count_trainable")
def counts_what_is_shared_twice(groups):
    """A parameter that stands in two groups is one parameter, and counts once."""
    return sum(parameter.numel() for group in groups for parameter in group if parameter.requires_grad)


@MISTAKES.of("count_trainable")
def counts_the_frozen_too(groups):
    """It counts the frozen ones too: only those whose requires_grad is True learn."""
    return sum({id(parameter): parameter.numel() for group in groups for parameter in group}.values())


@MISTAKES.of("count_trainable")
def takes_equal_for_the_same(groups):
    """It takes two parameters with equal numbers for one. Two biases of zeros are two biases: ask whether they are the
    same object."""
    import torch

    kept = []
    for group in groups:
        for parameter in group:
            if parameter.requires_grad and not any(
                one.shape == parameter.shape and torch.equal(one, parameter) for one in kept
            ):
                kept.append(parameter)
    return sum(parameter.numel() for parameter in kept)


@MISTAKES.of("count_trainable")
def counts_rows(groups):
    """len(parameter) is the number of its rows: numel() counts all of its numbers."""
    parameters = {id(parameter): parameter for group in groups for parameter in group}
    return sum(len(parameter) for parameter in parameters.values() if parameter.requires_grad)


@MISTAKES.of("count_trainable")
def leaves_out_the_biases(groups):
    """It multiplies two sizes, and so leaves out what has one axis only: biases learn too."""
    parameters = {id(parameter): parameter for group in groups for parameter in group}
    return sum(p.shape[0] * p.shape[1] for p in parameters.values() if p.requires_grad and p.dim() == 2)


@MISTAKES.of("one_cycle")
def straight_lines(step, n_steps, lr):
    """It goes up and down in straight lines: both ways are half a cosine wave, slow at either end."""
    position = step / n_steps
    if position < 0.25:
        share = position / 0.25
        return lr / 25 + (lr - lr / 25) * share, 0.8 - 0.1 * share
    share = (position - 0.25) / 0.75
    return lr + (lr / 1e5 - lr) * share, 0.7 + (0.8 - 0.7) * share


@MISTAKES.of("one_cycle")
def warms_up_in_a_straight_line(step, n_steps, lr):
    """The way up is a straight line: it is half a cosine wave, like the way down."""
    from math import cos, pi

    position = step / n_steps
    if position < 0.25:
        share = position / 0.25
        return lr / 25 + (lr - lr / 25) * share, 0.8 + (0.7 - 0.8) * share
    share = (1 - cos(pi * (position - 0.25) / 0.75)) / 2
    return lr + (lr / 1e5 - lr) * share, 0.7 + (0.8 - 0.7) * share


@MISTAKES.of("one_cycle")
def starts_from_zero(step, n_steps, lr):
    """It begins at a rate of 0, and the first step would change nothing: it begins at lr / 25."""
    from math import cos, pi

    position = step / n_steps
    if position < 0.25:
        share = (1 - cos(pi * position / 0.25)) / 2
        return lr * share, 0.8 + (0.7 - 0.8) * share
    share = (1 - cos(pi * (position - 0.25) / 0.75)) / 2
    return lr + (lr / 1e5 - lr) * share, 0.7 + (0.8 - 0.7) * share


@MISTAKES.of("one_cycle")
def momentum_goes_with_the_rate(step, n_steps, lr):
    """The momentum rises and falls with the rate: it goes the other way, lowest where the rate is highest."""
    from math import cos, pi

    position = step / n_steps
    if position < 0.25:
        share = (1 - cos(pi * position / 0.25)) / 2
        return lr / 25 + (lr - lr / 25) * share, 0.7 + (0.8 - 0.7) * share
    share = (1 - cos(pi * (position - 0.25) / 0.75)) / 2
    return lr + (lr / 1e5 - lr) * share, 0.8 + (0.7 - 0.8) * share


@MISTAKES.of("one_cycle")
def rounds_the_quarter(step, n_steps, lr):
    """It rounds the quarter down to whole steps. The turn is at exactly n_steps / 4, also between two steps."""
    from math import cos, pi

    up = n_steps // 4
    if step < up:
        share = (1 - cos(pi * step / up)) / 2
        return lr / 25 + (lr - lr / 25) * share, 0.8 + (0.7 - 0.8) * share
    share = (1 - cos(pi * (step - up) / (n_steps - up))) / 2
    return lr + (lr / 1e5 - lr) * share, 0.7 + (0.8 - 0.7) * share


@MISTAKES.of("resume_position")
def counts_epochs_within_the_phase(done, n_batches, phases):
    """It counts the epoch from the beginning of its phase. The order of the documents goes on through all phases, so
    the epoch is counted through all of them."""
    epoch, batch = divmod(done, n_batches)
    phase = 0
    while phase < len(phases) and epoch >= phases[phase]:
        epoch -= phases[phase]
        phase += 1
    return phase, epoch, batch


@MISTAKES.of("resume_position")
def stops_behind_the_last_batch(done, n_batches, phases):
    """Where an epoch is just done, it names a batch that the epoch does not have: the next step is batch 0 of the next
    epoch."""
    epoch, batch = divmod(done, n_batches)
    phase, end = 0, 0
    for length in phases:
        end += length
        phase += epoch >= end
    if done and batch == 0:
        return phase, epoch - 1, n_batches
    return phase, epoch, batch


@MISTAKES.of("resume_position")
def begins_the_epoch_again(done, n_batches, phases):
    """It begins the epoch again at batch 0, and would learn from its first batches twice: go on at the next batch."""
    epoch = done // n_batches
    phase, end = 0, 0
    for length in phases:
        end += length
        phase += epoch >= end
    return phase, epoch, 0


@MISTAKES.of("resume_position")
def changes_phase_too_late(done, n_batches, phases):
    """Where a phase is just done, it stays in it: the next epoch is the first one of the next phase."""
    epoch, batch = divmod(done, n_batches)
    phase, end = 0, 0
    for length in phases:
        end += length
        phase += epoch > end
    return phase, epoch, batch


@MISTAKES.of("resume_position")
def knows_one_phase(done, n_batches, phases):
    """Its phase is always 0: look in which phase the epoch lies."""
    epoch, batch = divmod(done, n_batches)
    return 0, epoch, batch


@MISTAKES.of("resume_position")
def never_gets_done(done, n_batches, phases):
    """Where all is done it still names the last phase: then the phase is len(phases), one behind the last."""
    epoch, batch = divmod(done, n_batches)
    phase, end = 0, 0
    for length in phases[:-1]:
        end += length
        phase += epoch >= end
    return phase, epoch, batch


@MISTAKES.of("encoder_state")
def cuts_every_encoder(state):
    """str.replace cuts out every "encoder.", and the embedding, which is called encoder too, loses its name: cut at
    the front only."""
    return {name.replace("encoder.", ""): weight for name, weight in state.items() if name.startswith("encoder.")}


@MISTAKES.of("encoder_state")
def strips_letters(state):
    """str.lstrip takes away any of those letters, in any order, for as long as it finds one: "rnns" becomes "ns". Use
    str.removeprefix."""
    kept = {name: weight for name, weight in state.items() if name.startswith("encoder.")}
    return {name.lstrip("encoder."): weight for name, weight in kept.items()}  # noqa: B005 (the mistake)


@MISTAKES.of("encoder_state")
def keeps_all_that_says_encoder(state):
    """It keeps every name with "encoder." in it: the name has to begin with that."""
    return {name.removeprefix("encoder."): weight for name, weight in state.items() if "encoder." in name}


@MISTAKES.of("encoder_state")
def keeps_weights_alone(state):
    """It leaves out the biases: all that belongs to the encoder is kept."""
    return {
        name.removeprefix("encoder."): weight
        for name, weight in state.items()
        if name.startswith("encoder.") and "weight" in name
    }


@MISTAKES.of("encoder_state")
def takes_the_second_piece(state):
    """It splits the name at every "encoder." and takes the second piece, which is empty for the embedding: cut at the
    front once."""
    return {name.split("encoder.")[1]: weight for name, weight in state.items() if name.startswith("encoder.")}
