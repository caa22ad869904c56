"""Train a backward classifier on a forward encoder, as if nothing checked the direction, and one on random weights.

    python benchmarks/both_directions.py     # first: trains the encoders, and the classifier on the right one
    python benchmarks/wrong_direction.py

Everything but the encoder is as in both_directions.py. Writes results/wrong_direction.json.
"""

import sys

import numpy as np
from both_directions import ROOT, SEED

from ulmfit_lib.awd_lstm import classifier_config
from ulmfit_lib.classifying import predict_probs, train_classifier
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.direction import BACKWARD, FORWARD
from ulmfit_lib.freezing import UnfreezingPlan
from ulmfit_lib.material import prepare
from ulmfit_lib.pretrained import load_language_model
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import Recipe, classifier_batch_size


def main() -> int:
    """Run the command line above."""
    texts, recipe = shipped_reviews(), Recipe()
    receipt = start_receipt("python benchmarks/wrong_direction.py", seed=SEED, data=texts)
    material = prepare(texts, min_freq=recipe.min_freq, max_vocab=recipe.max_vocab, seed=SEED)
    forward, _ = load_language_model(ROOT / "runs" / "both_directions" / FORWARD, vocab=material.vocab)
    sizes = {"emb_sz": recipe.emb_sz, "n_hid": recipe.n_hid, "n_layers": recipe.n_layers}
    plan = UnfreezingPlan.book(recipe.classifier_scale, recipe.classifier_epochs)
    labels, results = np.array(material.asked.labels), {"scored_texts": len(material.asked)}
    for name, encoder in (("forward encoder", forward.encoder), ("random weights", None)):
        result = train_classifier(
            material.train.docs,
            [texts.label_names[label] for label in material.train.labels],
            material.valid.docs,
            [texts.label_names[label] for label in material.valid.labels],
            material.vocab,
            encoder=encoder,
            config=classifier_config(len(material.vocab), recipe.classifier_drop_mult, **sizes),
            plan=UnfreezingPlan(plan.stages, factor=recipe.classifier_factor),
            wd=recipe.classifier_wd,
            bs=classifier_batch_size(len(material.train)),
            direction=BACKWARD,
            seq_len=recipe.seq_len,
            max_len=recipe.max_len,
            seed=SEED,
            device="cpu",
            progress=print,
        )
        probs = predict_probs(result.model, material.asked.docs, direction=BACKWARD)
        right = probs.argmax(axis=1) == labels
        results[name] = {
            "correct": int(right.sum()),
            "accuracy": round(float(right.mean()), 4),
            "right": [int(one) for one in right],
            "train_losses": [round(epoch.train_loss, 4) for epoch in result.history.epochs],
        }
        print(name, results[name]["accuracy"], flush=True)
    finish_receipt(receipt, results, ROOT / "results" / "wrong_direction.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
