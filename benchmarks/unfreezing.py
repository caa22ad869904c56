"""Train the same classifier by several plans, and measure what each leaves of the language that its encoder knew.

    python benchmarks/unfreezing.py

The encoder is that of the small language model that ships, fine-tuned on the shipped reviews by the recipe `small`. The
classifiers learn from 480 of the training reviews. After each epoch the encoder is put back under the language model's
decoder, and its loss on 60 test reviews, which neither has read, says how much of the language is left. The accuracy is
that on all test reviews, asked once at the end of a run. Writes results/unfreezing.json.
"""

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ulmfit_lib.awd_lstm import AWDLSTM, LanguageModel, classifier_config
from ulmfit_lib.classifier import TextClassifier
from ulmfit_lib.classifier_batches import ShuffledBatches
from ulmfit_lib.classifying import predict_probs
from ulmfit_lib.data import Texts, shipped_reviews
from ulmfit_lib.direction import FORWARD
from ulmfit_lib.fine_tuning import evaluate_language_model
from ulmfit_lib.freezing import Stage, UnfreezingPlan, discriminative_lrs, freeze_to, parameter_groups
from ulmfit_lib.material import Material, Part, prepare
from ulmfit_lib.pretrained import load_language_model
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import load_recipe
from ulmfit_lib.single_stages import finetune

ROOT = Path(__file__).resolve().parent.parent
RECIPE = load_recipe("small")
SEEDS = (0, 1, 2)
N_LABELLED, N_FORETOLD, BS = 480, 60, 16
EPOCHS = (1, 1, 1, 3)
BETAS = (0.8, 0.99)
# Some of the plans, shorter and longer than all are: so many steps in all.
STEPS, IN_LENGTHS = (12, 60, 360), ("gradual, the book's", "head first, then all", "all at once, high rate")


def plans() -> dict[str, UnfreezingPlan]:
    """Return the plans that are compared; all see the reviews equally often."""
    book, n = UnfreezingPlan.book(epochs=EPOCHS), sum(EPOCHS)
    high, low = book.stages[0].lr, book.stages[-1].lr
    head, rest = RECIPE.classifier_lrs
    return {
        "gradual, the book's": book,
        "head first, then all": UnfreezingPlan((Stage(-1, head, epochs=1), Stage(0, rest, epochs=n - 1)), factor=1.0),
        "all at once, high rate": UnfreezingPlan((Stage(0, high, epochs=n),), factor=1.0),
        "all at once, low rate": UnfreezingPlan((Stage(0, low, epochs=n),), factor=1.0),
        "head alone": UnfreezingPlan((Stage(-1, high, epochs=n),)),
    }


def lasting(plan: UnfreezingPlan, steps: int) -> UnfreezingPlan:
    """Return the same plan, so many steps long in all, its stages in the same proportion."""
    return plan.in_steps([stage.epochs * steps // sum(EPOCHS) for stage in plan.stages])


def prepared() -> tuple[Texts, LanguageModel, Material, Part]:
    """Return the texts, the language model to start from, all texts by purpose, and the few that have a label."""
    texts, work = shipped_reviews(), ROOT / "runs" / "unfreezing"
    if not work.exists():
        finetune(texts, work, direction=FORWARD, recipe=RECIPE)
    language_model, vocab = load_language_model(work / "language_model-forward", direction=FORWARD)
    material = prepare(texts, vocab=vocab)
    rows = range(0, len(material.train), len(material.train) // N_LABELLED)[:N_LABELLED]
    train = (material.train.places, material.train.docs, material.train.labels)
    return texts, language_model, material, Part(*([values[row] for row in rows] for values in train))


def new_classifier(
    language_model: LanguageModel, material: Material, seed: int
) -> tuple[TextClassifier, torch.optim.Optimizer]:
    """Return a classifier on a copy of the language model's encoder, with a new head, and its optimizer."""
    sizes = {name: getattr(language_model.encoder.config, name) for name in ("emb_sz", "n_hid", "n_layers")}
    encoder = AWDLSTM(classifier_config(len(material.vocab), RECIPE.classifier_drop_mult, **sizes))
    encoder.load_state_dict(language_model.encoder.state_dict())
    model = TextClassifier(encoder, n_classes=2, seed=seed)
    groups = [{"params": group} for group in parameter_groups(model)]
    return model, torch.optim.AdamW(groups, betas=BETAS, weight_decay=RECIPE.classifier_wd)


def run_stage(
    model: TextClassifier,
    optimizer: torch.optim.Optimizer,
    batches: ShuffledBatches,
    stage: Stage,
    factor: float,
    after_epoch: Callable[[], None] = lambda: None,
) -> None:
    """Train through one stage of a plan."""
    groups = parameter_groups(model)
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
        if (step + 1) % batches.steps_an_epoch == 0:
            after_epoch()


def train(
    language_model: LanguageModel, material: Material, train_part: Part, plan: UnfreezingPlan, seed: int, watch: bool
) -> tuple[float, list[float]]:
    """Train one classifier and return its accuracy on the test reviews and, if `watch`, the language's losses."""
    model, optimizer = new_classifier(language_model, material, seed)
    docs = [np.asarray(doc) for doc in train_part.docs]
    batches = ShuffledBatches(docs, np.array(train_part.labels), BS, seed)
    losses = []

    def look() -> None:
        if watch:
            losses.append(language_loss(language_model, model.encoder, material))

    look()
    torch.manual_seed(seed)
    for stage in plan.stages:
        run_stage(model, optimizer, batches, stage, plan.factor, after_epoch=look)
    guesses = predict_probs(model, material.asked.docs).argmax(axis=1)
    return round(float((guesses == np.array(material.asked.labels)).mean()), 4), losses


def language_loss(language_model: LanguageModel, encoder: AWDLSTM, material: Material) -> float:
    """Return the loss of the next token of unread reviews when the encoder is put back under the decoder."""
    before = {name: weight.clone() for name, weight in language_model.encoder.state_dict().items()}
    language_model.encoder.load_state_dict(encoder.state_dict())
    loss = evaluate_language_model(language_model, material.asked.docs[:N_FORETOLD], bs=8).loss
    language_model.encoder.load_state_dict(before)
    return round(loss, 4)


def main() -> int:
    """Run the command line above."""
    torch.set_num_threads(1)
    texts, language_model, material, train_part = prepared()
    receipt = start_receipt("python benchmarks/unfreezing.py", seed=SEEDS[0], data=texts, seeds=list(SEEDS))

    def compare(name: str, plan: UnfreezingPlan, watch: bool) -> dict:
        done = [train(language_model, material, train_part, plan, seed, watch) for seed in SEEDS]
        accuracies, losses = zip(*done, strict=True)
        print(name, plan.n_steps(N_LABELLED // BS), accuracies, flush=True)
        means = [round(statistics.mean(of), 4) for of in zip(*losses, strict=True)]
        mean = round(statistics.mean(accuracies), 4)
        return {"accuracies": list(accuracies), "mean_accuracy": mean, "language_losses": means}

    compared = {name: compare(name, plan, watch=True) for name, plan in plans().items()}
    lengths = [
        {"plan": name, "steps": steps, **compare(name, lasting(plans()[name], steps), watch=False)}
        for steps in STEPS
        for name in IN_LENGTHS
    ]
    results = {
        "labelled_texts": len(train_part),
        "scored_texts": len(material.asked),
        "foretold_texts": N_FORETOLD,
        "batch_size": BS,
        "epochs": list(EPOCHS),
        "plans": compared,
        "lengths": lengths,
    }
    finish_receipt(receipt, results, ROOT / "results" / "unfreezing.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
