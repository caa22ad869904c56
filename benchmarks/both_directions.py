"""Train both directions on the shipped reviews and keep what each classifier says of every test review.

    python benchmarks/both_directions.py

The sizes and rates are those of `Recipe`, and the language models begin with random weights. Beside the probabilities
it measures what each language model foretells, marks (xxmaj and the like) and words apart. Writes
results/both_directions.json, and the encoders and decoders to runs/both_directions/, where unfreezing.py finds them.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ulmfit_lib.awd_lstm import LanguageModel, classifier_config, lm_config
from ulmfit_lib.classifying import predict_probs, train_classifier
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.direction import DIRECTIONS
from ulmfit_lib.ensemble import accuracy_interval, average_probs
from ulmfit_lib.fine_tuning import FineTuningPlan, fine_tune_language_model, save_language_model
from ulmfit_lib.freezing import UnfreezingPlan
from ulmfit_lib.material import Material, prepare
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import Recipe, classifier_batch_size, language_model_batch_size
from ulmfit_lib.rules import TK_MAJ, TK_REP, TK_UP, TK_WREP
from ulmfit_lib.streams import LMStream

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
MARKS = (TK_MAJ, TK_UP, TK_REP, TK_WREP)


@torch.no_grad()
def foretold(model: LanguageModel, material: Material, way: str) -> dict[str, dict[str, float]]:
    """Return how well a language model foretells the marks and the words of the validation reviews.

    Each entry has the number of targets of its kind, their share that was foretold rightly, and their mean loss.
    """
    marks = torch.tensor([material.vocab.numericalize([mark])[0] for mark in MARKS])
    losses, right, is_mark, state = [], [], [], None
    for x, y in LMStream(material.valid.docs, bs=8, seq_len=72, direction=way).batches():
        output = model(torch.from_numpy(x), state)
        state, targets = output.state, torch.from_numpy(y).flatten()
        logits = output.logits.flatten(0, 1)  # (tokens, vocab_sz)
        losses.append(F.cross_entropy(logits, targets, reduction="none"))
        right.append(logits.argmax(dim=1) == targets)
        is_mark.append(torch.isin(targets, marks))
    loss, hit, mark = torch.cat(losses).double(), torch.cat(right), torch.cat(is_mark)
    return {
        name: {
            "tokens": int(chosen.sum()),
            "accuracy": round(float(hit[chosen].double().mean()), 4),
            "loss": round(float(loss[chosen].mean()), 4),
        }
        for name, chosen in (("all", torch.ones_like(mark)), ("marks", mark), ("words", ~mark))
    }


def train(material: Material, way: str, names: list[str], recipe: Recipe) -> tuple[np.ndarray, dict]:
    """Return the probabilities (n_asked, n_classes) of one direction, and how its language model did."""
    sizes = {"emb_sz": recipe.emb_sz, "n_hid": recipe.n_hid, "n_layers": recipe.n_layers}
    n_tokens, n_valid = (sum(map(len, part.docs)) for part in (material.unlabelled, material.valid))
    language_model = fine_tune_language_model(
        material.unlabelled.docs,
        material.valid.docs,
        material.vocab,
        direction=way,
        config=lm_config(len(material.vocab), recipe.lm_drop_mult, **sizes),
        plan=FineTuningPlan.from_scratch(recipe.lm_epochs, recipe.lm_lr),
        bs=language_model_batch_size(n_tokens, n_valid),
        seq_len=recipe.seq_len,
        seed=SEED,
        device="cpu",
        progress=print,
    ).model
    save_language_model(ROOT / "runs" / "both_directions" / way, language_model, material.vocab, way)
    plan = UnfreezingPlan.book(recipe.classifier_scale, recipe.classifier_epochs)
    result = train_classifier(
        material.train.docs,
        [names[label] for label in material.train.labels],
        material.valid.docs,
        [names[label] for label in material.valid.labels],
        material.vocab,
        encoder=language_model.encoder,
        config=classifier_config(len(material.vocab), recipe.classifier_drop_mult, **sizes),
        plan=UnfreezingPlan(plan.stages, factor=recipe.classifier_factor),
        wd=recipe.classifier_wd,
        bs=classifier_batch_size(len(material.train)),
        direction=way,
        seq_len=recipe.seq_len,
        max_len=recipe.max_len,
        seed=SEED,
        device="cpu",
        progress=print,
    )
    return predict_probs(result.model, material.asked.docs, direction=way), foretold(language_model, material, way)


def main() -> int:
    """Run the command line above."""
    texts, recipe = shipped_reviews(), Recipe()
    receipt = start_receipt("python benchmarks/both_directions.py", seed=SEED, data=texts)
    material = prepare(texts, min_freq=recipe.min_freq, max_vocab=recipe.max_vocab, seed=SEED)
    labels = np.array(material.asked.labels)
    probs, models = {}, {}
    for way in DIRECTIONS:
        probs[way], models[way] = train(material, way, texts.label_names, recipe)
    everyone = {**probs, "ensemble": average_probs(*probs.values())}
    scores = {}
    for name, table in everyone.items():
        right = int((table.argmax(axis=1) == labels).sum())
        loss = -np.log(table[np.arange(len(labels)), labels]).mean()
        scores[name] = {"correct": right, "accuracy": round(right / len(labels), 4), "loss": round(float(loss), 4)}
        print(name, scores[name], accuracy_interval(right, len(labels)))
    results = {
        "scored_split": material.scored_split,
        "scored_texts": len(labels),
        "label_names": texts.label_names,
        "scores": scores,
        "language_models": models,
        "next_token_perplexity": {way: round(math.exp(model["all"]["loss"]), 2) for way, model in models.items()},
        "places": material.asked.places,
        "labels": labels.tolist(),
        # Of the second class; with two classes the first is what is missing to 1.
        "probs": {way: [round(float(p), 5) for p in table[:, 1]] for way, table in probs.items()},
    }
    finish_receipt(receipt, results, ROOT / "results" / "both_directions.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
