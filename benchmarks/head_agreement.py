"""Measure how far heads that began from other random weights agree about where the encoder should go.

    python benchmarks/both_directions.py     # first: trains the language model that they all stand on
    python benchmarks/head_agreement.py

Four heads learn alone, on the outputs of one frozen encoder. Before they begin, and after some epochs, each is asked
for its gradient with respect to the encoder, on the same 64 reviews. Writes results/head_agreement.json.
"""

import statistics
import sys
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from unfreezing import BS, ROOT, new_classifier, prepared

from ulmfit_lib.classifier import TextClassifier, masked_concat_pool
from ulmfit_lib.classifier_batches import SortedBatches
from ulmfit_lib.freezing import parameter_groups
from ulmfit_lib.receipts import finish_receipt, start_receipt

N_HEADS, LR = 4, 1e-2
EPOCHS = (0, 1, 3, 10, 30)


def pooled(model: TextClassifier, ids: torch.Tensor) -> torch.Tensor:
    """Return what the head gets of these documents, (bs, 3 * emb_sz)."""
    return masked_concat_pool(*model.eval().encode(ids))


def gradient(model: TextClassifier, ids: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """Return the gradient of the loss with respect to each group of the encoder, flat."""
    model.zero_grad()
    outputs = pooled(model, ids)
    F.cross_entropy(model.head.train()(outputs), labels).backward()
    return [torch.cat([p.grad.flatten() for p in group]) for group in parameter_groups(model)[:-1]]


def teach_head(model: TextClassifier, features: torch.Tensor, labels: torch.Tensor, epochs: int) -> float:
    """Train the head alone for some epochs and return its accuracy on what it learned from."""
    optimizer = torch.optim.AdamW(model.head.parameters(), LR, weight_decay=0.1)
    model.head.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(features)).split(BS):
            loss = F.cross_entropy(model.head(features[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    guesses = model.head.eval()(features).argmax(dim=1)
    return float((guesses == labels).float().mean())


def main() -> int:
    """Run the command line above."""
    torch.set_num_threads(1)
    texts, language_model, material, part = prepared()
    receipt = start_receipt("python benchmarks/head_agreement.py", seed=0, data=texts)
    batches = SortedBatches([np.asarray(doc) for doc in part.docs], np.array(part.labels), 64)
    models = [new_classifier(language_model, material, seed)[0] for seed in range(N_HEADS)]
    with torch.no_grad():
        features = torch.cat([pooled(models[0], ids) for ids, _ in batches])
    labels = torch.cat([labels for _, labels in batches])
    asked = batches.tensors(list(range(64)))
    torch.manual_seed(0)
    moments, done = [], 0
    for epochs in EPOCHS:
        accuracies = [teach_head(model, features, labels, epochs - done) for model in models]
        done = epochs
        by_group = list(zip(*(gradient(model, *asked) for model in models), strict=True))
        cosines = [
            statistics.mean(float(F.cosine_similarity(a, b, dim=0)) for a, b in combinations(group, 2))
            for group in by_group
        ]
        moment = {
            "epochs": epochs,
            "cosines": [round(cosine, 4) for cosine in cosines],
            "lengths": [round(statistics.mean(float(g.norm()) for g in group), 5) for group in by_group],
            "train_accuracy": round(statistics.mean(accuracies), 4),
        }
        moments.append(moment)
        print(moment, flush=True)
    results = {"heads": N_HEADS, "labelled_texts": len(part), "asked_texts": 64, "moments": moments}
    finish_receipt(receipt, results, ROOT / "results" / "head_agreement.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
