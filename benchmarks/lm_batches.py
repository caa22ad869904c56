"""Go through the batches of a language model, fastai's and ours, on the same documents.

python benchmarks/lm_batches.py

Documents of random ids, as long as IMDb's reviews; both shuffle them, and both give int64 tensors. Ours is an epoch
with all that it costs: the documents laid end to end anew, then every window. The making of the loaders is not
counted. Writes results/speed_lm_batches.json.
"""

import sys

import numpy as np
import torch
from fastai.text.all import LMDataLoader, TensorText
from side_by_side import compare, finish, parser, receipt_of, take_turns

from ulmfit_lib.fine_tuning import LMLoader
from ulmfit_lib.streams import LMStream


def main() -> int:
    """Run the command line above; 1 if the windows differ where the order of the documents is the same."""
    options = parser(__doc__)
    options.add_argument("--docs", type=int, default=3_000)
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    bs, seq_len, rng = 64, 72, np.random.default_rng(0)
    docs = [rng.integers(0, 8_000, n) for n in rng.lognormal(5.4, 0.65, options.docs).astype(int) + 20]
    as_fastai = [TensorText(torch.from_numpy(doc)) for doc in docs]
    receipt = receipt_of("lm_batches", seed=0, data={"name": "random ids", "rows": len(docs)})

    plain = LMDataLoader(as_fastai, bs=bs, seq_len=seq_len, shuffle=False, num_workers=0)
    for theirs, ours in zip(plain, LMLoader(LMStream(docs, bs, seq_len)), strict=True):
        if not all(torch.equal(torch.as_tensor(a), b) for a, b in zip(theirs, ours, strict=True)):
            print("the windows differ")
            return 1

    loader = LMDataLoader(as_fastai, bs=bs, seq_len=seq_len, shuffle=True, num_workers=0)
    stream = LMStream(docs, bs, seq_len, shuffle=True)
    mine = LMLoader(stream)
    works = {
        "fastai": lambda: sum(y.numel() for _, y in loader),
        "ulmfit_lib": lambda: sum(y.numel() for _, y in mine),
    }
    times, _ = take_turns(works, options.repeats)
    finish(receipt, compare(times, bs * stream.batch_length, "tokens"), "lm_batches")
    return 0


if __name__ == "__main__":
    sys.exit(main())
