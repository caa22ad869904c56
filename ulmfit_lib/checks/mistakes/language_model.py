"""Wrong answers to problem set 05. The docstring of each is the cause that a student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("lstm_cell")
def candidate_and_output_gate_change_places(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """The last two of the four parts have changed places. The order is input gate, forget gate, new content, output
    gate; some books and libraries have another."""
    import torch

    gates = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    i, f, o, g = gates.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@MISTAKES.of("lstm_cell")
def input_and_forget_gate_change_places(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """The first two of the four parts have changed places: the forget gate decides what stays of the old cell, the
    input gate what is added."""
    import torch

    gates = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    f, i, g, o = gates.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@MISTAKES.of("lstm_cell")
def does_not_look_at_the_hidden_state(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """The gates see x alone. What was read before reaches them through h and w_hh."""
    import torch

    gates = x @ w_ih.T + b_ih + b_hh
    i, f, g, o = gates.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@MISTAKES.of("lstm_cell")
def forgets_the_old_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """The new cell holds only the new content: what the forget gate lets through of the old cell has to be added."""
    import torch

    gates = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    i, _, g, o = gates.chunk(4, dim=1)
    c = torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@MISTAKES.of("lstm_cell")
def adds_one_bias_only(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """One of the two biases is missing: b_ih and b_hh are both added."""
    import torch

    gates = x @ w_ih.T + b_ih + h @ w_hh.T
    i, f, g, o = gates.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@MISTAKES.of("lstm_cell")
def scales_the_old_cell_in_place(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """`c *= ...` and methods that end in an underscore write into the tensor that they were given, and the caller's
    state is gone: make a new one."""
    import torch

    gates = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    i, f, g, o = gates.chunk(4, dim=1)
    c *= torch.sigmoid(f)
    c = c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@MISTAKES.of("dropout_mask")
def forgets_to_scale(like, size, p):
    """The entries that are kept are 1. They have to be larger, so that the mean of the mask is 1 whatever p is."""
    return like.new_empty(size).bernoulli_(1 - p)


@MISTAKES.of("dropout_mask")
def scales_the_wrong_way(like, size, p):
    """The entries that are kept are smaller than 1, as if they were multiplied by 1 - p. They have to make up for those
    that are lost."""
    return like.new_empty(size).bernoulli_(1 - p) * (1 - p)


@MISTAKES.of("dropout_mask")
def keeps_with_probability_p(like, size, p):
    """p is the probability to be lost; here it is the probability to be kept."""
    if p == 0:
        return like.new_ones(size)
    return like.new_empty(size).bernoulli_(p) / (1 - p)


@MISTAKES.of("dropout_mask")
def divides_by_p(like, size, p):
    """What is kept has the right size where p is 0.5, and not elsewhere. Is it divided by p, the share that is lost, or
    always doubled? Think of p near 0: what is kept should then hardly change."""
    if p == 0:
        return like.new_ones(size)
    return like.new_empty(size).bernoulli_(1 - p) / p


@MISTAKES.of("dropout_mask")
def tosses_one_coin(like, size, p):
    """One random number decides about all entries: draw one for each."""
    import torch

    return (torch.rand(1) >= p).to(like.dtype).expand(size) / (1 - p)


@MISTAKES.of("dropout_mask")
def has_a_type_of_its_own(like, size, p):
    """The mask is float32 whatever `like` is: it has to have the type (and the device) of what it will be multiplied
    with."""
    import torch

    return (torch.rand(size) >= p).float() / (1 - p)


@MISTAKES.of("dropout_mask")
def drops_the_first_ones(like, size, p):
    """The entries that are lost stand side by side, at one end of the mask. Chance has to decide about each of them."""
    mask = like.new_ones(size).flatten()
    mask[: round(p * len(mask))] = 0
    return mask.reshape(size) / (1 - p)


@MISTAKES.of("dropout_mask")
def seeds_itself(like, size, p):
    """Two calls, one after the other, lose the same. Is there a seed in it, or is a mask kept from the first call? Each
    call has to draw anew."""
    import torch

    torch.manual_seed(42)
    return like.new_empty(size).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("rnn_dropout")
def draws_anew_at_each_step(x, p, training):
    """A mask of the shape of x is drawn: another one for each step, which is ordinary dropout. Here one mask serves
    all steps of a row."""
    if not training or p == 0:
        return x
    return x * x.new_empty(x.shape).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("rnn_dropout")
def one_mask_for_the_whole_batch(x, p, training):
    """All rows of the batch lose the same features: each row needs a mask of its own."""
    if not training or p == 0:
        return x
    return x * x.new_empty(1, 1, x.shape[2]).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("rnn_dropout")
def takes_the_first_axis_for_time(x, p, training):
    """The mask repeats over the first axis. Some libraries put time there; here the axes are batch, time, features."""
    if not training or p == 0:
        return x
    return x * x.new_empty(1, x.shape[1], x.shape[2]).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("rnn_dropout")
def drops_whole_steps(x, p, training):
    """It drops whole steps, all features of a word: the mask must repeat over time and differ between features."""
    if not training or p == 0:
        return x
    return x * x.new_empty(x.shape[0], x.shape[1], 1).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("rnn_dropout")
def drops_outside_training_too(x, p, training):
    """It drops features whatever `training` says: a trained model has to give the same answer every time."""
    return x * x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("rnn_dropout")
def what_is_kept_stays_as_it_was(x, p, training):
    """What is kept stays as it was. It has to be scaled up to make up for what is lost, as `dropout_mask` does."""
    if not training:
        return x
    return x * x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - p)


@MISTAKES.of("rnn_dropout")
def kept_features_shrink(x, p, training):
    """What is kept becomes smaller, as if it were multiplied by 1 - p. It has to make up for what is lost, as
    `dropout_mask` does."""
    if not training:
        return x
    return x * x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - p) * (1 - p)


@MISTAKES.of("rnn_dropout")
def drops_the_first_features(x, p, training):
    """The features that are lost stand side by side, at one end. Chance has to decide about each of them, in each
    row."""
    if not training or p == 0:
        return x
    mask = x.new_ones(x.shape[2]) / (1 - p)
    mask[: round(p * len(mask))] = 0
    return x * mask


@MISTAKES.of("rnn_dropout")
def drops_the_same_features_each_time(x, p, training):
    """Two calls, one after the other, lose the same. Is there a seed in it, or is a mask kept from the first call? Each
    call has to draw anew."""
    import torch

    if not training or p == 0:
        return x
    torch.manual_seed(42)
    return x * x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("embedding_dropout")
def drops_single_features(weight, ids, p, training):
    """It drops single numbers or features: a word is dropped whole, with all its features."""
    if not training or p == 0:
        return weight[ids]
    mask = weight.new_empty(weight.shape).bernoulli_(1 - p) / (1 - p)
    return (weight * mask)[ids]


@MISTAKES.of("embedding_dropout")
def drops_places(weight, ids, p, training):
    """It drops places of the batch, so a word may be lost in one place and not in another. Draw a number for each word
    of the vocabulary."""
    if not training or p == 0:
        return weight[ids]
    vectors = weight[ids]
    return vectors * vectors.new_empty(*ids.shape, 1).bernoulli_(1 - p) / (1 - p)


@MISTAKES.of("embedding_dropout")
def kept_words_stay_as_they_were(weight, ids, p, training):
    """The words that are kept stay as they were: they have to be scaled up, as `dropout_mask` does."""
    if not training:
        return weight[ids]
    return (weight * weight.new_empty(len(weight), 1).bernoulli_(1 - p))[ids]


@MISTAKES.of("embedding_dropout")
def kept_words_shrink(weight, ids, p, training):
    """The words that are kept become smaller, as if they were multiplied by 1 - p. They have to make up for those that
    are lost, as `dropout_mask` does."""
    if not training:
        return weight[ids]
    return (weight * weight.new_empty(len(weight), 1).bernoulli_(1 - p) * (1 - p))[ids]


@MISTAKES.of("embedding_dropout")
def drops_words_outside_training_too(weight, ids, p, training):
    """It drops words whatever `training` says: outside training the weights are looked up as they are."""
    return (weight * weight.new_empty(len(weight), 1).bernoulli_(1 - p) / (1 - p))[ids]


@MISTAKES.of("embedding_dropout")
def writes_into_the_embedding(weight, ids, p, training):
    """It masks the weights in place, and the words that were dropped are lost for good: mask a copy."""
    if not training or p == 0:
        return weight[ids]
    weight *= weight.new_empty(len(weight), 1).bernoulli_(1 - p) / (1 - p)
    return weight[ids]


@MISTAKES.of("embedding_dropout")
def drops_the_first_words(weight, ids, p, training):
    """The words that are lost stand side by side, at one end of the table. Chance has to decide about each of them."""
    if not training or p == 0:
        return weight[ids]
    mask = weight.new_ones(len(weight), 1) / (1 - p)
    mask[: round(p * len(mask))] = 0
    return (weight * mask)[ids]


@MISTAKES.of("embedding_dropout")
def drops_the_same_words_each_time(weight, ids, p, training):
    """Two calls, one after the other, lose the same. Is there a seed in it, or is a mask kept from the first call? Each
    call has to draw anew."""
    import torch

    if not training or p == 0:
        return weight[ids]
    torch.manual_seed(42)
    return (weight * weight.new_empty(len(weight), 1).bernoulli_(1 - p) / (1 - p))[ids]


@MISTAKES.of("weight_dropout")
def drops_other_weights_at_each_step(x, state, weights, p, training):
    """It draws a mask in the loop over the steps. One mask serves the whole pass: draw it before the loop."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    outputs = []
    for t in range(x.shape[1]):
        dropped = w_hh * w_hh.new_empty(w_hh.shape).bernoulli_(1 - p) / (1 - p) if training else w_hh
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ dropped.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def drops_the_hidden_state(x, state, weights, p, training):
    """It drops parts of the hidden state, not of the weights that it meets: each single weight of w_hh has a number of
    its own, and all rows of the batch meet the same weights."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    mask = h.new_empty(h.shape).bernoulli_(1 - p) / (1 - p) if training else 1
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + (h * mask) @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def drops_the_input_weights(x, state, weights, p, training):
    """Even the first step is another, though it starts from zeros and meets no recurrent weight. Does it drop weights
    of w_ih, or parts of x? The recurrent weights are in w_hh."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        w_ih = w_ih * w_ih.new_empty(w_ih.shape).bernoulli_(1 - p) / (1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def overwrites_the_weights(x, state, weights, p, training):
    """It masks w_hh in place. After some passes nothing would be left of it: mask a copy, anew in each pass."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        w_hh *= w_hh.new_empty(w_hh.shape).bernoulli_(1 - p) / (1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def weights_that_stay_are_not_scaled(x, state, weights, p, training):
    """The weights that stay are as they were: they have to be scaled up, as `dropout_mask` does."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        w_hh = w_hh * w_hh.new_empty(w_hh.shape).bernoulli_(1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def weights_that_stay_shrink(x, state, weights, p, training):
    """The weights that stay become smaller: they are multiplied by 1 - p. They have to make up for those that are lost,
    as `dropout_mask` does."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        w_hh = w_hh * w_hh.new_empty(w_hh.shape).bernoulli_(1 - p) * (1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def drops_whole_rows(x, state, weights, p, training):
    """One random number decides about a whole row of w_hh, or more. Each single weight needs one of its own: the mask
    has the shape of w_hh."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        w_hh = w_hh * w_hh.new_empty(len(w_hh), 1).bernoulli_(1 - p) / (1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def drops_whole_columns(x, state, weights, p, training):
    """One random number decides about all four weights, one a gate, by which a unit listens to another, if not about a
    whole column of w_hh. Each single weight needs one of its own: the mask has the shape of w_hh."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        w_hh = w_hh * w_hh.new_empty(1, w_hh.shape[1]).bernoulli_(1 - p) / (1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def drops_the_first_weights(x, state, weights, p, training):
    """The weights that are lost stand side by side, at one end of w_hh. Chance has to decide about each of them."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        mask = torch.ones_like(w_hh).flatten()
        mask[: round(p * len(mask))] = 0
        w_hh = w_hh * mask.reshape(w_hh.shape) / (1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def drops_the_same_weights_in_each_pass(x, state, weights, p, training):
    """Two calls, one after the other, lose the same. Is there a seed in it, or is a mask kept from the first call? Each
    call has to draw anew."""
    import torch

    (h, c), (w_ih, w_hh, b_ih, b_hh) = state, weights
    if training:
        torch.manual_seed(42)
        w_hh = w_hh * w_hh.new_empty(w_hh.shape).bernoulli_(1 - p) / (1 - p)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("weight_dropout")
def begins_from_zeros(x, state, weights, p, training):
    """From a state of zeros it is right, from another it is not. Does it begin from zeros, whatever it is handed, and
    forget what was read in the batch before? Or have h and c changed places?"""
    import torch

    w_ih, w_hh, b_ih, b_hh = weights
    if training:
        w_hh = w_hh * w_hh.new_empty(w_hh.shape).bernoulli_(1 - p) / (1 - p)
    h, c = torch.zeros_like(state[0]), torch.zeros_like(state[1])
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


@MISTAKES.of("tied_logits")
def leaves_the_bias_out(output, weight, bias):
    """The bias is missing: each word has one of its own, which is added to its score."""
    return output @ weight.T


@MISTAKES.of("tied_logits")
def does_not_turn_the_table(output, weight, bias):
    """The table of weights was not transposed: its rows are words, and the features of a row have to meet the features
    of the output."""
    return output @ weight + bias


@MISTAKES.of("tied_logits")
def measures_the_angle(output, weight, bias):
    """It divides by the length of the words' vectors. A score is the plain product, so that long vectors count more."""
    return output @ (weight / weight.norm(dim=1, keepdim=True).clamp(min=1e-6)).T + bias


@MISTAKES.of("tied_logits")
def adds_the_bias_to_the_features(output, weight, bias):
    """The bias is added before the product, to features. It belongs to the words: add it to the scores."""
    return (output + bias) @ weight.T


@MISTAKES.of("perplexity")
def averages_perplexities(logits, targets):
    """It takes exp for each token and then the mean. The mean comes first: exp of the mean loss."""
    chosen = logits.log_softmax(-1).gather(2, targets[:, :, None])
    return (-chosen).exp().mean().item()


@MISTAKES.of("perplexity")
def two_to_the_power_of_the_loss(logits, targets):
    """It raises 2 to the loss. That goes with losses in bits; with the natural logarithm it is exp."""
    chosen = logits.log_softmax(-1).gather(2, targets[:, :, None])
    return 2.0 ** (-chosen.mean().item())


@MISTAKES.of("perplexity")
def one_over_the_mean_probability(logits, targets):
    """It averages the probabilities. It is their logarithms that are averaged: a word thought impossible should cost
    much."""
    chosen = logits.softmax(-1).gather(2, targets[:, :, None])
    return (1 / chosen.mean()).item()


@MISTAKES.of("perplexity")
def adds_the_losses_up(logits, targets):
    """The losses are added up, so a longer text is always worse: take their mean over all tokens."""
    chosen = logits.log_softmax(-1).gather(2, targets[:, :, None])
    return (-chosen.sum()).exp().item()


@MISTAKES.of("perplexity")
def averages_over_the_rows(logits, targets):
    """It gives each row a perplexity and averages those: all tokens of the batch go into one mean loss."""
    chosen = logits.log_softmax(-1).gather(2, targets[:, :, None])
    return (-chosen.mean(dim=(1, 2))).exp().mean().item()


@MISTAKES.of("next_token_accuracy")
def counts_rows(logits, targets):
    """A row counts only if all its tokens are right: count the tokens."""
    return (logits.argmax(dim=-1) == targets).all(dim=1).float().mean().item()


@MISTAKES.of("next_token_accuracy")
def looks_at_the_last_token(logits, targets):
    """It looks at the last token of each row alone: the model predicts after every token."""
    return (logits.argmax(dim=-1) == targets)[:, -1].float().mean().item()


@MISTAKES.of("next_token_accuracy")
def averages_the_probability(logits, targets):
    """It averages the probability of the right word. Accuracy asks only whether the right word is in front."""
    return logits.softmax(-1).gather(2, targets[:, :, None]).mean().item()


@MISTAKES.of("next_token_accuracy")
def wants_more_than_half(logits, targets):
    """It counts a word only if its probability is above one half: it is enough to be the highest of all."""
    return (logits.softmax(-1).gather(2, targets[:, :, None]) > 0.5).float().mean().item()


@MISTAKES.of("next_token_accuracy")
def counts_the_second_place(logits, targets):
    """It counts the second-best word as well: only the word with the highest score is the prediction."""
    best = logits.topk(2, dim=-1).indices
    return (best == targets[:, :, None]).any(dim=-1).float().mean().item()


@MISTAKES.of("ar_tar_penalty")
def compares_rows_of_the_batch(raw, dropped, alpha, beta):
    """It subtracts neighbours along the first axis: those are rows of the batch, texts that have nothing to do with one
    another. Time is the second axis."""
    penalty = alpha * dropped.pow(2).mean()
    if raw.shape[0] < 2:
        return penalty
    return penalty + beta * (raw[1:] - raw[:-1]).pow(2).mean()


@MISTAKES.of("ar_tar_penalty")
def compares_features(raw, dropped, alpha, beta):
    """It subtracts neighbours along the last axis, the features: time is the second axis."""
    penalty = alpha * dropped.pow(2).mean()
    if raw.shape[2] < 2:
        return penalty
    return penalty + beta * (raw[:, :, 1:] - raw[:, :, :-1]).pow(2).mean()


@MISTAKES.of("ar_tar_penalty")
def penalises_the_raw_output_twice(raw, dropped, alpha, beta):
    """Both penalties look at the raw output. AR, the one on large activations, is about the dropped one."""
    penalty = alpha * raw.pow(2).mean()
    if raw.shape[1] < 2:
        return penalty
    return penalty + beta * (raw[:, 1:] - raw[:, :-1]).pow(2).mean()


@MISTAKES.of("ar_tar_penalty")
def penalises_the_dropped_output_twice(raw, dropped, alpha, beta):
    """Both penalties look at the dropped output. TAR, the one on change, is about the raw one."""
    penalty = alpha * dropped.pow(2).mean()
    if raw.shape[1] < 2:
        return penalty
    return penalty + beta * (dropped[:, 1:] - dropped[:, :-1]).pow(2).mean()


@MISTAKES.of("ar_tar_penalty")
def alpha_and_beta_change_places(raw, dropped, alpha, beta):
    """alpha and beta have changed places: alpha belongs to AR, beta to TAR."""
    penalty = beta * dropped.pow(2).mean()
    if raw.shape[1] < 2:
        return penalty
    return penalty + alpha * (raw[:, 1:] - raw[:, :-1]).pow(2).mean()


@MISTAKES.of("ar_tar_penalty")
def is_no_number_for_one_token(raw, dropped, alpha, beta):
    """The mean of no numbers is nan. A sequence of one token has no change from one step to the next: then there is no
    TAR."""
    return alpha * dropped.pow(2).mean() + beta * (raw[:, 1:] - raw[:, :-1]).pow(2).mean()
