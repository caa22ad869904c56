"""Train the same classifier by several plans, and measure what each leaves of the language that its encoder knew.

    python benchmarks/both_directions.py     # first: trains the language model that all of them start from
    python benchmarks/unfreezing.py

The classifiers learn from the first 80 tokens of 240 of the shipped reviews: few labels, and an encoder that has read
ten times as many texts. After each epoch the encoder is put back under the language
model's decoder, and its loss on held-out reviews says how much of the language is left. The accuracy is that on the
test reviews, asked once at the end of a run. Writes results/unfreezing.json.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ulmfit_lib.awd_lstm import AWDLSTM, LanguageModel, classifier_config
from ulmfit_lib.classifier import TextClassifier
from ulmfit_lib.classifier_batches import ShuffledBatches
from ulmfit_lib.classifying import predict_probs
from ulmfit_lib.data import Texts, shipped_reviews
from ulmfit_lib.fine_tuning import evaluate_language_model
from ulmfit_lib.freezing import Stage, UnfreezingPlan, discriminative_lrs, freeze_to, parameter_groups
from ulmfit_lib.material import Material, Part, prepare
from ulmfit_lib.pretrained import load_language_model
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
SEEDS = (0, 1, 2)
N_LABELLED, BS, MAX_TOKENS = 240, 16, 80
EPOCHS = (1, 1, 1, 3)
WEIGHT_DECAY = 0.1
BETAS = (0.8, 0.99)


def plans() -> dict[str, UnfreezingPlan]:
    """Return the plans that are compared; all see the reviews equally often."""
    gradual, n = UnfreezingPlan.book(scale=2.0, epochs=EPOCHS), sum(EPOCHS)
    high, low = gradual.stages[0].lr, gradual.stages[-1].lr
    return {
        "gradual": gradual,
        "all at once, high rate": UnfreezingPlan((Stage(0, high, epochs=n),), factor=1.0),
        "all at once, low rate": UnfreezingPlan((Stage(0, low, epochs=n),), factor=1.0),
        "head alone": UnfreezingPlan((Stage(-1, high, epochs=n),)),
    }


def lengths() -> dict[str, UnfreezingPlan]:
    """Return gradual unfreezing and training all at once, both short: so many steps in all."""
    found = {}
    for steps in (2, 6, 30):
        found[f"gradual, {6 * steps} steps"] = plans()["gradual"].in_steps([steps, steps, steps, 3 * steps])
        high = plans()["all at once, high rate"]
        found[f"all at once, {6 * steps} steps"] = high.in_steps([6 * steps])
    return found


def prepared() -> tuple[Texts, LanguageModel, Material, Part]:
    """Return the texts, the language model to start from, all texts by purpose, and the few that have a label."""
    texts, recipe = shipped_reviews(), Recipe()
    material = prepare(texts, min_freq=recipe.min_freq, max_vocab=recipe.max_vocab)
    language_model, _ = load_language_model(
        ROOT / "runs" / "both_directions" / "forward", direction="forward", vocab=material.vocab
    )
    rows = range(0, len(material.train), len(material.train) // N_LABELLED)
    return texts, language_model, material, shortened(material.train, list(rows)[:N_LABELLED])


def shortened(part: Part, rows: Sequence[int]) -> Part:
    """Return these texts of a part, cut after `MAX_TOKENS` tokens."""
    docs = [part.docs[row][:MAX_TOKENS] for row in rows]
    return Part([part.places[row] for row in rows], docs, [part.labels[row] for row in rows])


def new_classifier(
    language_model: LanguageModel, material: Material, seed: int
) -> tuple[TextClassifier, torch.optim.Optimizer]:
    """Return a classifier on a copy of the language model's encoder, with a new head, and its optimizer."""
    recipe = Recipe()
    sizes = {name: getattr(recipe, name) for name in ("emb_sz", "n_hid", "n_layers")}
    encoder = AWDLSTM(classifier_config(len(material.vocab), recipe.classifier_drop_mult, **sizes))
    encoder.load_state_dict(language_model.encoder.state_dict())
    model = TextClassifier(encoder, n_classes=2, seed=seed)
    groups = [{"params": group} for group in parameter_groups(model)]
    return model, torch.optim.AdamW(groups, betas=BETAS, weight_decay=WEIGHT_DECAY)


def run_stage(
    model: TextClassifier,
    optimizer: torch.optim.Optimizer,
    batches: ShuffledBatches,
    stage: Stage,
    factor: float,
    after_epoch: Callable[[], None] = lambda: None,
) -> list[float]:
    """Train through one stage of a plan and return the loss of each step."""
    groups, losses = parameter_groups(model), []
    freeze_to(groups, stage.freeze_to)
    n_steps = stage.n_steps(batches.steps_an_epoch)
    batches.steps = n_steps
    model.train()
    for step, (ids, labels) in enumerate(batches):
        rates = discriminative_lrs(stage.lr_at(step, n_steps), len(groups), factor)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        loss = F.cross_entropy(model(ids), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(round(loss.item(), 4))
        if (step + 1) % batches.steps_an_epoch == 0:
            after_epoch()
    return losses


def train(
    language_model: LanguageModel, material: Material, train_part: Part, plan: UnfreezingPlan, seed: int, watch: bool
) -> dict:
    """Train one classifier and return its accuracy on the test reviews and, if `watch`, the losses along the way."""
    model, optimizer = new_classifier(language_model, material, seed)
    docs = [np.asarray(doc) for doc in train_part.docs]
    batches = ShuffledBatches(docs, np.array(train_part.labels), BS, seed)
    language, losses = [], []

    def look() -> None:
        if watch:
            language.append(language_loss(language_model, model.encoder, material))

    look()
    torch.manual_seed(seed)
    for stage in plan.stages:
        losses += run_stage(model, optimizer, batches, stage, plan.factor, after_epoch=look)
    asked = shortened(material.asked, range(len(material.asked)))
    accuracy = float((predict_probs(model, asked.docs).argmax(axis=1) == np.array(asked.labels)).mean())
    return {"accuracy": round(accuracy, 4), "language_losses": language, "losses": losses if watch else []}


def language_loss(language_model: LanguageModel, encoder: AWDLSTM, material: Material) -> float:
    """Return the loss of the next token of held-out reviews when the encoder is put back under the decoder."""
    before = {name: weight.clone() for name, weight in language_model.encoder.state_dict().items()}
    language_model.encoder.load_state_dict(encoder.state_dict())
    loss = evaluate_language_model(language_model, material.valid.docs[:60], bs=8).loss
    language_model.encoder.load_state_dict(before)
    return round(loss, 4)


def main() -> int:
    """Run the command line above."""
    torch.set_num_threads(1)
    texts, language_model, material, train_part = prepared()
    receipt = start_receipt("python benchmarks/unfreezing.py", seed=SEEDS[0], data=texts, seeds=list(SEEDS))
    runs = {}
    for name, plan in {**plans(), **lengths()}.items():
        watched = name in plans()
        seeds = SEEDS if watched else SEEDS[:2]
        done = [train(language_model, material, train_part, plan, seed, watched and seed == SEEDS[0]) for seed in seeds]
        accuracies = [one["accuracy"] for one in done]
        runs[name] = {
            "accuracies": accuracies,
            "mean_accuracy": round(statistics.mean(accuracies), 4),
            "language_losses": done[0]["language_losses"],
            "losses": done[0]["losses"],
        }
        print(name, accuracies, runs[name]["language_losses"], flush=True)
    results = {
        "labelled_texts": len(train_part),
        "scored_texts": len(material.asked),
        "batch_size": BS,
        "max_tokens": MAX_TOKENS,
        "epochs": list(EPOCHS),
        "plans": {name: runs[name] for name in plans()},
        "lengths": {name: runs[name] for name in lengths()},
    }
    finish_receipt(receipt, results, ROOT / "results" / "unfreezing.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
