"""Reading for a prediction: what is pooled on the way is what pooling all kept outputs gives, and nothing is kept."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_classifier import documents, make_ours

from ulmfit_lib import reading
from ulmfit_lib.classifier import masked_concat_pool
from ulmfit_lib.padding import pad_batch
from ulmfit_lib.reading import read_and_pool

# `make_ours` reads chunks of 5 tokens and pools the chunks that begin in the last 15.
BORDERS = [1, 4, 5, 6, 14, 15, 16, 20, 33]


@pytest.fixture(scope="module")
def model():
    return make_ours().eval()


def pooled(model, docs):
    ids = torch.from_numpy(pad_batch(docs))
    with torch.inference_mode():
        return read_and_pool(model, ids, [len(doc) for doc in docs])


def pooled_from_all(model, doc):
    with torch.inference_mode():
        return masked_concat_pool(*model.encode(torch.tensor([doc])))[0]


@settings(deadline=None)
@given(
    lengths=st.lists(st.sampled_from(BORDERS) | st.integers(1, 60), min_size=1, max_size=6),
    step=st.sampled_from([1, 3, 5, 24]),
)
def test_it_is_what_pooling_all_outputs_gives(model, lengths, step):
    docs = documents(*sorted(lengths, reverse=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "STEP", step)
        found = pooled(model, docs)
    for row, doc in zip(found, docs, strict=True):
        torch.testing.assert_close(row, pooled_from_all(model, doc), atol=1e-6, rtol=1e-5)


def test_by_hand(model):
    """The last of all outputs, and the largest and the mean of those from where pooling begins."""
    doc = documents(33)[0]
    with torch.inference_mode():
        outputs, _, _ = model.encoder(torch.tensor([doc]))  # (1, 33, emb_sz)
    counted = outputs[0, 20:]  # 33 - 15 = 18 tokens are too early, and the chunk that begins next begins at 20
    wanted = torch.cat([counted[-1], counted.max(dim=0).values, counted.mean(dim=0)])
    torch.testing.assert_close(pooled(model, [doc])[0], wanted, atol=1e-6, rtol=1e-5)


def test_the_largest_tensor_does_not_grow_with_the_document(model):
    """What is kept of a document is three vectors, however long it is."""

    def most_cells(n_tokens):
        sizes = []
        hook = model.encoder.register_forward_hook(lambda _module, _inputs, result: sizes.append(result[0].numel()))
        pooled(model, documents(n_tokens))
        hook.remove()
        return max(sizes)

    assert most_cells(5_000) == most_cells(reading.STEP) == reading.STEP * 8


def test_sums_are_made_in_full_precision(model):
    """A thousand equal numbers have themselves as mean, which a sum in bfloat16 would miss."""
    ids = torch.full((1, 15), 7)
    with torch.inference_mode():
        hook = model.encoder.register_forward_hook(
            lambda _module, _inputs, result: (torch.full_like(result[0], 0.3).bfloat16(), *result[1:])
        )
        row = read_and_pool(model, ids, [15])[0]
        hook.remove()
    assert row.dtype == torch.float32
    torch.testing.assert_close(row[16:], torch.full((8,), 0.3).bfloat16().float(), atol=1e-6, rtol=0)
