"""The classifier: equal to fastai's where fastai is right, and the same for any padding, company and order."""

import threading

import pytest
import torch
import torch.nn.functional as F
from fastai.text.all import AWD_LSTM, Pad_Chunk, TensorText, get_text_classifier
from fastai.text.models.core import masked_concat_pool as fastai_pool
from hypothesis import given, settings
from hypothesis import strategies as st

from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig
from ulmfit_lib.classifier import (
    ClassifierHead,
    TextClassifier,
    encode_in_chunks,
    first_pooled_token,
    masked_concat_pool,
    padding_to_the_end,
)
from ulmfit_lib.errors import ConfigError, DataError
from ulmfit_lib.padding import pad_batch

torch.set_num_threads(1)
PAD, VOCAB, CLASSES, SEQ_LEN, MAX_LEN = 1, 30, 3, 5, 15
SIZES = {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
NO_DROPOUT = {"output_p": 0.0, "hidden_p": 0.0, "input_p": 0.0, "embed_p": 0.0, "weight_p": 0.0}
DROPOUT = {"output_p": 0.4, "hidden_p": 0.3, "input_p": 0.4, "embed_p": 0.05, "weight_p": 0.5}


def make_ours(dropouts=NO_DROPOUT, seq_len=SEQ_LEN, max_len=MAX_LEN, seed=0):
    encoder = AWDLSTM(AWDConfig(VOCAB, **SIZES, **{**dropouts, "output_p": 0.0}), seed=seed)
    ps = (0.1,) if dropouts["output_p"] else (0.0,)
    model = TextClassifier(encoder, CLASSES, seq_len, max_len, ps=ps, output_p=dropouts["output_p"], seed=seed)
    # Fresh batch normalisation would hide differences between the pooled outputs behind its zeros and ones.
    generator = torch.Generator().manual_seed(seed)
    for module in model.head.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.05, generator=generator)
            module.running_var.uniform_(0.01, 0.02, generator=generator)
    return model


def fastai_names(ours, theirs):
    """Pairs of names: our parameter or buffer, and fastai's."""
    yield "encoder.encoder.weight", "0.module.encoder.weight"
    yield "encoder.encoder.weight", "0.module.encoder_dp.emb.weight"
    for layer in range(len(ours.encoder.rnns)):
        mine, its = f"encoder.rnns.{layer}", f"0.module.rnns.{layer}"
        yield f"{mine}.weight_hh", f"{its}.weight_hh_l0_raw"
        for name in ("weight_ih", "bias_ih", "bias_hh"):
            yield f"{mine}.{name}", f"{its}.module.{name}_l0"
    # Both heads hold the same layers in the same order; fastai numbers them differently.
    heads = [[name for name in model.state_dict() if name.startswith(("head", "1."))] for model in (ours, theirs)]
    yield from zip(*heads, strict=True)


def make_fastais(ours, dropouts=NO_DROPOUT):
    config = {**SIZES, **dropouts, "pad_token": PAD, "bidir": False}
    ps = [0.1] if dropouts["output_p"] else [0.0]
    theirs = get_text_classifier(
        AWD_LSTM, VOCAB, CLASSES, seq_len=ours.seq_len, config=config, max_len=ours.max_len, ps=ps
    )
    state = ours.state_dict()
    names = {its: mine for mine, its in fastai_names(ours, theirs)}
    # Beside the recurrent weights fastai keeps the copy that is dropped, under a name of its own.
    raw = {name: name.replace("module.weight_hh_l0", "weight_hh_l0_raw") for name in theirs.state_dict()}
    theirs.load_state_dict({name: state[names[raw[name]]] for name in theirs.state_dict()})
    return theirs


def words(*shape, seed=0):
    return torch.randint(2, VOCAB, shape, generator=torch.Generator().manual_seed(seed))


def documents(*lengths, seed=0):
    return [words(length, seed=seed + i).tolist() for i, length in enumerate(lengths)]


def chunk_padded(docs):
    """The documents in the layout of fastai's own classifier batches."""
    padded = Pad_Chunk(seq_len=SEQ_LEN)([(TensorText(torch.tensor(doc)),) for doc in docs])
    return torch.stack([torch.as_tensor(ids) for (ids,) in padded])


def logits_alone(model, docs):
    with torch.no_grad():
        return torch.cat([model(torch.tensor([doc])) for doc in docs])


@pytest.fixture(scope="module")
def ours():
    return make_ours().eval()


@pytest.fixture(scope="module")
def theirs(ours):
    return make_fastais(ours).eval()


# Equal to fastai ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 4, 5, 6, 14, 15, 16, 17, 33, 72])
def test_logits_on_input_without_padding_are_fastais(ours, theirs, length):
    ids = words(4, length)
    with torch.no_grad():
        logits = ours(ids)
        torch.testing.assert_close(logits, theirs(ids)[0], atol=1e-5, rtol=0)
    assert logits.std(dim=0).min() > 1e-3  # the documents do differ


@pytest.mark.parametrize("length", [3, 15, 38])
def test_gradients_are_fastais(length):
    ours = make_ours().train()
    theirs = make_fastais(ours).train()
    ids, labels = words(6, length), torch.tensor([0, 1, 2, 0, 1, 2])
    F.cross_entropy(ours(ids), labels).backward()
    F.cross_entropy(theirs(ids)[0], labels).backward()
    gradients = dict(theirs.named_parameters())
    compared = 0
    for name, parameter in ours.named_parameters():
        other = next(gradients[its] for mine, its in fastai_names(ours, theirs) if mine == name)
        torch.testing.assert_close(parameter.grad, other.grad, atol=1e-6, rtol=1e-4, msg=name)
        assert parameter.grad.abs().max() > 0, name
        compared += 1
    assert compared == len(gradients) == 15


def test_dropout_too_is_fastais_with_the_same_random_numbers():
    ours = make_ours(DROPOUT).train()
    theirs = make_fastais(ours, DROPOUT).train()
    ids = words(4, 23)
    torch.manual_seed(3)
    logits = ours(ids)
    torch.manual_seed(3)
    torch.testing.assert_close(logits, theirs(ids)[0], atol=1e-5, rtol=0)
    assert not torch.allclose(logits, ours(ids), atol=1e-2)


def test_in_a_sorted_batch_of_short_documents_fastai_is_right_too(ours, theirs):
    docs = documents(14, 12, 7, 6)
    ids = chunk_padded(docs)
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids)[0], logits_alone(ours, docs), atol=1e-5, rtol=0)


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_pooling_is_fastais_where_the_padding_is_at_the_end(lengths, seed):
    longest = max(lengths)
    output = torch.randn(len(lengths), longest, 4, generator=torch.Generator().manual_seed(seed))
    mask = torch.arange(longest) >= torch.tensor(lengths)[:, None]
    torch.testing.assert_close(masked_concat_pool(output, mask), fastai_pool(output, mask, bptt=longest))


def test_pooling_by_hand():
    output = torch.tensor([[[1.0, -4.0], [5.0, -2.0], [3.0, -9.0]], [[7.0, 7.0], [-8.0, 2.0], [-2.0, -6.0]]])
    mask = torch.tensor([[False, False, True], [True, False, False]])
    assert masked_concat_pool(output, mask).tolist() == [
        [5.0, -2.0, 5.0, -2.0, 3.0, -3.0],
        [-2.0, -6.0, -2.0, 2.0, -5.0, -2.0],
    ]


def test_means_of_long_documents_survive_half_precision():
    output = torch.full((1, 4096, 1), 0.1, dtype=torch.bfloat16)
    mean = masked_concat_pool(output, torch.zeros(1, 4096, dtype=torch.bool))[0, 2]
    assert mean.dtype == torch.bfloat16
    assert float(mean) == pytest.approx(0.1, rel=5e-3)


# Right where fastai is not --------------------------------------------------------------------------------------------


def fastai_moves(theirs, ids, docs, ours):
    """How far fastai's logits of a batch are from what it gives the documents alone, and how far ours are."""
    with torch.no_grad():
        alone = torch.cat([theirs(torch.tensor([doc]))[0] for doc in docs])
        theirs_move = (theirs(ids)[0] - alone).abs().max().item()
        ours_move = (ours(ids) - logits_alone(ours, docs)).abs().max().item()
    return theirs_move, ours_move


@pytest.mark.parametrize("pad_first", [True, False])
def test_padding_at_either_end_moves_fastais_logits_and_not_ours(ours, theirs, pad_first):
    docs = documents(12, 3)
    theirs_move, ours_move = fastai_moves(theirs, torch.from_numpy(pad_batch(docs, PAD, pad_first)), docs, ours)
    assert theirs_move > 1e-2
    assert ours_move < 1e-5


@pytest.mark.parametrize(
    "lengths",
    [
        # The five tokens fill a chunk, so the last chunk of their row is all padding: fastai takes the row for one that
        # has not yet begun, and leaves out the last row of the batch in its stead.
        (14, 12, 7, 5, 6),
        # The last chunk is four wide and fastai looks for the last token in the last five columns: the padding in
        # front of the two tokens makes it miss by one.
        (14, 2),
    ],
)
def test_even_sorted_and_in_fastais_own_layout_company_moves_its_logits_and_not_ours(ours, theirs, lengths):
    docs = documents(*lengths)
    theirs_move, ours_move = fastai_moves(theirs, chunk_padded(docs), docs, ours)
    assert theirs_move > 1e-2
    assert ours_move < 1e-5


def test_the_order_of_a_batch_moves_fastais_logits_and_not_ours(ours, theirs):
    docs = documents(3, 14, 8)
    ids = chunk_padded(docs)
    theirs_move, ours_move = fastai_moves(theirs, ids, docs, ours)
    assert theirs_move > 1e-2
    assert ours_move < 1e-5


def test_a_longer_neighbour_moves_fastais_logits_and_not_ours(ours, theirs):
    # Alone, the 19 tokens are pooled from 5 on; beside 21 they begin one chunk later in fastai's batch.
    docs = documents(21, 19)
    ids = chunk_padded(docs)
    theirs_move, ours_move = fastai_moves(theirs, ids, docs, ours)
    assert theirs_move > 1e-3
    assert ours_move < 1e-5


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    shuffled=st.randoms(use_true_random=False),
    seq_len=st.integers(1, 9),
    extra=st.integers(0, 4),
)
def test_logits_are_the_same_alone_in_any_company_order_and_padding(lengths, shuffled, seq_len, extra):
    model = make_ours(seq_len=seq_len, max_len=seq_len + extra).eval()
    docs = documents(*lengths)
    alone = logits_alone(model, docs)
    order = list(range(len(docs)))
    shuffled.shuffle(order)
    rows = []
    for index in order:
        row = list(docs[index])
        for _ in range(max(lengths) + 2 - len(row)):
            row.insert(shuffled.choice([0, len(row)]), PAD)
        rows.append(row)
    with torch.no_grad():
        torch.testing.assert_close(model(torch.tensor(rows)), alone[order], atol=1e-5, rtol=0)


def test_the_bits_do_not_depend_on_what_was_asked_before(ours):
    ids = words(3, 33)
    with torch.no_grad():
        before = ours(ids)
        ours(words(7, 12, seed=1))
        assert torch.equal(ours(ids), before)


def test_threads_do_not_disturb_each_other(ours):
    inputs = [words(2, 20 + i, seed=i) for i in range(8)]
    with torch.no_grad():
        expected = [ours(ids) for ids in inputs]
    results = [None] * len(inputs)

    def ask(i):
        with torch.no_grad():
            results[i] = ours(inputs[i])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(result, wanted) for result, wanted in zip(results, expected, strict=True))


# Long documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "first"),
    # With chunks of 5 and the last 15: 16 tokens begin pooling at 5 (11 tokens kept), 20 at 5 (15 kept), 21 at 10.
    [(1, 0), (15, 0), (16, 5), (20, 5), (21, 10)],
)
def test_where_pooling_begins_by_hand(length, first):
    assert first_pooled_token(length, SEQ_LEN, MAX_LEN) == first


def test_what_is_kept_is_what_one_long_pass_gives(ours):
    docs = documents(33, 4, 16, 11)
    lengths = [len(doc) for doc in docs]
    with torch.no_grad():
        output, mask = encode_in_chunks(ours.encoder, torch.from_numpy(pad_batch(docs)), lengths, SEQ_LEN, MAX_LEN)
        for row, doc in enumerate(docs):
            whole, _, _ = ours.encoder(torch.tensor([doc]))
            first = first_pooled_token(len(doc), SEQ_LEN, MAX_LEN)
            torch.testing.assert_close(output[row][~mask[row]], whole[0, first:], atol=1e-6, rtol=0)
    assert output.shape[1] <= MAX_LEN


def test_a_document_that_has_ended_takes_no_part():
    """What stands behind a short document reaches neither its state nor its gradient."""
    model = make_ours().eval()
    doc = [5, 6, 7, 8, 9, 10, 11]
    rows = torch.tensor([[*doc, *[29] * 26], documents(33)[0]])
    output, mask = encode_in_chunks(model.encoder, rows, [7, 33], SEQ_LEN, MAX_LEN)
    model.head(masked_concat_pool(output, mask))[0].sum().backward()
    assert model.encoder.encoder.weight.grad[29].abs().max() == 0
    alone, _, _ = model.encoder(torch.tensor([doc]))
    torch.testing.assert_close(masked_concat_pool(output, mask)[0, :8], alone[0, -1], atol=1e-6, rtol=0)


def test_the_gradient_reaches_the_last_tokens_only():
    model = make_ours().eval()
    doc = [3] * 18 + [4] * 15  # pooling begins at 20: every 3 stands before it, save the two in the chunk of 15 to 19
    assert first_pooled_token(len(doc), SEQ_LEN, MAX_LEN) == 20
    model(torch.tensor([doc])).sum().backward()
    gradient = model.encoder.encoder.weight.grad
    assert gradient[3].abs().max() == 0
    assert gradient[4].abs().max() > 0


class _Spy(AWDLSTM):
    """Notes for each chunk its shape and whether a gradient is kept."""

    def forward(self, ids, state=None):
        self.calls.append((tuple(ids.shape), torch.is_grad_enabled()))
        return super().forward(ids, state)


def test_chunks_by_hand():
    spy = _Spy(AWDConfig(VOCAB, **SIZES, **NO_DROPOUT))
    spy.calls = []
    ids = torch.from_numpy(pad_batch(documents(4, 33, 11)))
    output, mask = encode_in_chunks(spy, ids, [4, 33, 11], SEQ_LEN, MAX_LEN)
    # 33 tokens are 7 chunks, 11 are 3 and 4 are 1. The last chunk holds 3, 1 and 4 tokens, so it is 4 wide. Kept are
    # the last three: 33 tokens pool from 20 on, in chunks 5, 6 and 7.
    assert [shape for shape, _ in spy.calls] == [(1, 5)] * 4 + [(2, 5)] * 2 + [(3, 4)]
    assert [kept for _, kept in spy.calls] == [False] * 4 + [True] * 3
    assert tuple(output.shape) == (3, 14, 8)
    assert (~mask).sum(dim=1).tolist() == [4, 13, 11]


def bytes_kept_for_backward(n_tokens):
    model = make_ours(seq_len=72, max_len=1440).train()
    kept = 0

    def count(tensor):
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    ids = words(2, n_tokens)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        logits = model(ids)
    assert torch.isfinite(logits).all()
    return kept


def test_fifty_thousand_tokens_keep_no_more_memory_than_two_thousand():
    # Both leave 56 and 72 * 20 tokens in the last chunks: the same work for the backward pass.
    short, long = bytes_kept_for_backward(72 * 27 + 56), bytes_kept_for_backward(72 * 694 + 56)
    assert long == short
    assert short > 1440 * 2 * 8 * 4


def test_a_document_of_fifty_thousand_tokens_trains():
    model = make_ours(seq_len=72, max_len=1440).train()
    ids = torch.from_numpy(pad_batch(documents(50_000, 60)))
    loss = F.cross_entropy(model(ids), torch.tensor([0, 1]))
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


# Bad input ------------------------------------------------------------------------------------------------------------


def test_an_empty_document_is_named(ours):
    with pytest.raises(DataError, match="row 1 of the batch: A document has no tokens"):
        ours(torch.tensor([[2, 3], [PAD, PAD]]))


def test_a_document_of_unknown_words_gets_an_answer(ours):
    with torch.no_grad():
        assert torch.isfinite(ours(torch.zeros(2, 40, dtype=torch.int64))).all()


def test_lengths_that_keep_nothing_are_refused():
    with pytest.raises(ConfigError, match="max_len=10"):
        make_ours(seq_len=20, max_len=10)


def test_one_document_cannot_train_batch_normalisation():
    with pytest.raises(ConfigError, match="batch of one"):
        make_ours().train()(words(1, 5))


@pytest.mark.parametrize(("ps", "n_classes"), [((0.1,), 2), ((0.4, 0.1), 1)])
def test_a_head_that_does_not_fit_is_refused(ps, n_classes):
    with pytest.raises(ConfigError):
        ClassifierHead(12, n_classes, lin_ftrs=(5,), ps=ps)


def test_hidden_layers_are_what_was_asked_for():
    shapes = [
        tuple(p.shape) for p in ClassifierHead(12, 2, lin_ftrs=(7, 5), ps=(0.4, 0.1, 0.1)).parameters() if p.ndim == 2
    ]
    assert shapes == [(7, 12), (5, 7), (2, 5)]


def test_a_fresh_head_begins_as_fastais():
    ours = TextClassifier(AWDLSTM(AWDConfig(VOCAB, **SIZES)), CLASSES).head.state_dict()
    config = {**SIZES, **DROPOUT, "pad_token": PAD, "bidir": False}
    theirs = get_text_classifier(AWD_LSTM, VOCAB, CLASSES, config=config)[1].state_dict()
    for (name, mine), other in zip(ours.items(), theirs.values(), strict=True):
        assert mine.shape == other.shape
        if mine.ndim == 2:  # drawn from the same range
            bound = mine.shape[1] ** -0.5
            assert 0.9 * bound < mine.abs().max() <= bound, name
            assert other.abs().max() <= bound, name
        else:
            assert torch.equal(mine, other), name


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one, same, other = make_ours(seed=4), make_ours(seed=4), make_ours(seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.head.layers[2].weight, other.head.layers[2].weight)


@given(rows=st.lists(st.lists(st.sampled_from([PAD, 2, 3, 4]), min_size=6, max_size=6), min_size=1, max_size=4))
def test_words_keep_their_order_when_padding_moves(rows):
    ids, lengths = padding_to_the_end(torch.tensor(rows), PAD)
    for moved, length, row in zip(ids.tolist(), lengths.tolist(), rows, strict=True):
        real = [i for i in row if i != PAD]
        assert moved == real + [PAD] * (6 - len(real))
        assert length == len(real)
