"""What pretraining is worth with few labels: the paper's Figure 3 in small, paired over seeds and reviews.

    python benchmarks/low_shot.py --data shipped                 # the reviews that ship
    python benchmarks/low_shot.py --data imdb                    # IMDb, from the folder in ULMFIT_DATA
    python benchmarks/low_shot.py --data imdb --variants floor scratch forward --labels 100 500
    python benchmarks/low_shot.py --data imdb --report           # only put together what has been run so far

For each number of labels and each seed, the same labelled reviews are given to:

    floor        TF-IDF and logistic regression
    scratch      the classifier, from random weights
    target       + a language model trained on the target's texts alone
    forward      + pretrained on general English first
    backward     the same, reading backward
    ensemble     forward and backward averaged

Each result is kept in --work (by default runs/low_shot, which git ignores), so a run that was stopped goes on where it
was. The language models are trained once for each direction, on all texts but the test's, and are shared by the
seeds: a seed draws the labelled reviews, the head's first weights, the order of the reviews, and dropout.

Writes results/low_shot_DATA.json, and beside it, as .npz, the probabilities that each run gave to the test reviews: the
work of days on two cores is added to on another machine, and the differences can be computed again. What the receipt
says of runs whose probabilities are not at hand, or of more seeds than are, stays as it was; what another recipe gave
is not mixed in.
"""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ulmfit_lib.baseline import tfidf_floor
from ulmfit_lib.data import Texts, read_texts, shipped_reviews
from ulmfit_lib.data_rows import stratified
from ulmfit_lib.files import write_atomically
from ulmfit_lib.material import with_more_words
from ulmfit_lib.pretrained_models import SMALL, model_sizes, pretrained_model, words_to_keep
from ulmfit_lib.receipts import finish_receipt, read_receipt, start_receipt
from ulmfit_lib.recipe import Recipe, classifier_batch_size, language_model_batch_size, load_recipe
from ulmfit_lib.tokenizer import tokenize
from ulmfit_lib.vocab import Vocab, count_tokens, make_vocab

ROOT = Path(__file__).resolve().parent.parent
#: The variants that have a language model of their own, and the direction in which it reads.
LANGUAGE_MODELS = {"target": "forward", "forward": "forward", "backward": "backward"}
SCRATCH_LR = 5e-3
TRAINED = ("floor", "scratch", "target", "forward", "backward")
VARIANTS = (*TRAINED, "ensemble")
PAIRS = (
    ("forward", "scratch"),
    ("target", "scratch"),
    ("forward", "target"),
    ("ensemble", "forward"),
    ("forward", "floor"),
    ("ensemble", "floor"),
)
N_LABELS = {"shipped": (100, 500, 1200), "imdb": (100, 500, 2000)}
# IMDb in small: these many reviews for the language model beside the labelled ones, these many to be tested on, and
# words that come at least so often beside those of the small model, since the softmax over rare ones takes most time.
IMDB_UNLABELLED, IMDB_TEST, IMDB_MIN_FREQ = 3000, 5000, 10


class Case(NamedTuple):
    """Texts to draw labelled ones from, texts to be tested on, and texts without labels."""

    train: Texts
    test: Texts
    unlabelled: list[str]


class Words(NamedTuple):
    """The same as ids."""

    vocab: Vocab
    train: list[list[int]]
    test: list[list[int]]
    unlabelled: list[list[int]]


def load(name: str) -> Case:
    """Return the texts of a data set."""
    if name == "shipped":
        texts = shipped_reviews()
        return Case(texts.subset("train", labelled=True), texts.subset("test"), texts.subset("unsup").texts)
    texts = read_texts(Path(os.environ["ULMFIT_DATA"]) / "imdb")
    test = texts.subset("test")
    tested = set(test.texts)  # some of IMDb's test reviews stand among the others as well
    train, unlabelled = (
        part.pick([place for place, text in enumerate(part.texts) if text not in tested])
        for part in (texts.subset("train", labelled=True), texts.subset("unsup"))
    )
    few = _balanced(train, max(N_LABELS["imdb"]), 0)
    some = np.random.default_rng(0).permutation(len(unlabelled))[:IMDB_UNLABELLED]
    return Case(train.pick(few), test.pick(_balanced(test, IMDB_TEST, 0)), unlabelled.pick(some).texts)


def _balanced(texts: Texts, n: int, seed: int) -> list[int]:
    """Return the places of `n` texts, as many of each label; another seed draws others."""
    rng, places = np.random.default_rng(seed), []
    labels = np.array(texts.labels)
    for name in texts.label_names:
        places += rng.permutation(np.flatnonzero(labels == name))[: n // len(texts.label_names)].tolist()
    return sorted(places)


def to_words(case: Case, recipe: Recipe) -> Words:
    """Return the texts as ids; the vocabulary is that of the texts to learn from, and of the small models if asked."""
    tokens = {part: tokenize(texts) for part, texts in zip(("train", "test", "unlabelled"), _texts(case), strict=True)}
    found = make_vocab(count_tokens([*tokens["train"], *tokens["unlabelled"]]), recipe.min_freq, recipe.max_vocab)
    vocab = Vocab(with_more_words(found, words_to_keep(recipe)))
    return Words(vocab, *([vocab.numericalize(doc) for doc in tokens[part]] for part in tokens))


def _texts(case: Case) -> tuple[list[str], list[str], list[str]]:
    return case.train.texts, case.test.texts, case.unlabelled


def train_language_models(
    words: Words,
    recipe: Recipe,
    work: Path,
    precision: str,
    seed: int = 0,
    names: Sequence[str] = tuple(LANGUAGE_MODELS),
) -> None:
    """Train those of the language models that are not there yet, each on all texts but the test's."""
    from ulmfit_lib.awd_lstm import lm_config
    from ulmfit_lib.fine_tuning import fine_tune_language_model
    from ulmfit_lib.pretrained import save_encoder

    docs = [*words.train, *words.unlabelled]
    held_out = set(np.random.default_rng(seed).permutation(len(docs))[: len(docs) // 10].tolist())
    train = [doc for place, doc in enumerate(docs) if place not in held_out]
    valid = [docs[place] for place in sorted(held_out)]
    bs = language_model_batch_size(sum(map(len, train)), sum(map(len, valid)))
    for name in names:
        way, note = LANGUAGE_MODELS[name], work / f"{name}.json"
        if note.exists():
            continue
        began = time.perf_counter()
        one = from_scratch(recipe) if name == "target" else recipe
        pretrained = pretrained_model(one.pretrained, way)
        result = fine_tune_language_model(
            train,
            valid,
            words.vocab,
            direction=way,
            config=lm_config(len(words.vocab), one.lm_drop_mult, **model_sizes(one, pretrained)),
            pretrained=pretrained,
            plan=one.fine_tuning_plan(),
            bs=bs,
            seq_len=one.seq_len,
            seed=seed,
            precision=precision,
            progress=lambda line, name=name: print(f"{name}: {line}", flush=True),
        )
        save_encoder(work / f"encoder-{name}", result.model, words.vocab, way)
        kept = {"seconds": time.perf_counter() - began, "perplexity": result.perplexity, "accuracy": result.accuracy}
        write_atomically(note, json.dumps(kept))


def from_scratch(recipe: Recipe) -> Recipe:
    """Return the recipe for random weights: all groups learn from the first step on, at one rate."""
    epochs = sum(recipe.classifier_epochs)
    return replace(
        recipe,
        pretrained="none",
        lm_epochs=recipe.n_lm_epochs,
        lm_lr=Recipe().lm_lr,
        classifier_freeze_to=(0,),
        classifier_epochs=(epochs,),
        classifier_least_steps=recipe.classifier_least_steps * len(recipe.classifier_epochs),
        classifier_lrs=(SCRATCH_LR,),
        classifier_scale=1.0,
        classifier_factor=1.0,
    )


def classify(
    case: Case, words: Words, recipe: Recipe, work: Path, variant: str, n: int, seed: int, precision: str
) -> np.ndarray:
    """Return the probabilities of the test reviews, (n_test, 2), by a variant that learned from `n` labels."""
    places = _balanced(case.train, n, seed + 1)
    train = case.train.pick(places)
    if variant == "floor":
        return tfidf_floor(train.texts, train.label_ids(), case.test.texts).probs
    from ulmfit_lib.awd_lstm import classifier_config
    from ulmfit_lib.classifying import predict_probs, train_classifier
    from ulmfit_lib.pretrained import load_encoder

    way = LANGUAGE_MODELS.get(variant, "forward")
    encoder, sizes = None, model_sizes(recipe, pretrained_model(SMALL, way))
    if variant == "scratch":
        recipe = from_scratch(recipe)
    else:
        encoder = load_encoder(work / f"encoder-{variant}", direction=way, vocab=words.vocab)
    docs, labels = [words.train[place] for place in places], train.label_ids()
    watched = sorted(stratified([str(label) for label in labels], 0.02, seed))  # only to be looked at
    result = train_classifier(
        docs,
        labels,
        [docs[place] for place in watched],
        [labels[place] for place in watched],
        words.vocab,
        encoder=encoder,
        config=classifier_config(len(words.vocab), recipe.classifier_drop_mult, **sizes),
        plan=recipe.unfreezing_plan(n),
        wd=recipe.classifier_wd,
        clip=recipe.classifier_clip,
        bs=recipe.classifier_bs or classifier_batch_size(n),
        seq_len=recipe.seq_len,
        max_len=recipe.max_len,
        direction=way,
        seed=seed,
        precision=precision,
    )
    return predict_probs(result.model, words.test, 64, way)


def run(
    data: str,
    recipe: Recipe,
    work: Path,
    labels: Sequence[int],
    variants: Sequence[str],
    seeds: int,
    minutes: float,
    shard: tuple[int, int],
    precision: str,
) -> bool:
    """Run what is not there yet, as long as there is time; True when all is there."""
    case = load(data)
    words = to_words(case, recipe)
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    done = _all_probs(work, _kept(data, recipe))
    jobs = [(n, seed, v) for v in variants for n in labels for seed in range(seeds)]
    jobs = [(n, seed, v) for n, seed, v in jobs[shard[0] :: shard[1]] if _name(v, n, seed) not in done]
    wanted = {variant for _, _, variant in jobs}
    train_language_models(words, recipe, work, precision, names=[v for v in LANGUAGE_MODELS if v in wanted])
    for n, seed, variant in jobs:
        file = work / f"{_name(variant, n, seed)}.npy"
        if time.monotonic() - began > 60 * minutes:
            return False
        start = time.perf_counter()
        probs = classify(case, words, recipe, work, variant, n, seed, precision)
        temporary = file.with_suffix(".partial.npy")
        np.save(temporary, probs.astype(np.float32))
        temporary.replace(file)
        accuracy = (probs.argmax(axis=1) == np.array(case.test.label_ids())).mean()
        print(f"{variant} n={n} seed={seed}: {accuracy:.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    return True


def report(data: str, recipe: Recipe, work: Path, command: str) -> Path:
    """Put together what was run: accuracies, and paired differences with 95 % intervals."""
    case = load(data)
    labels = np.array(case.test.label_ids())
    receipt = start_receipt(command, data={"name": data, "test_reviews": len(labels)}, recipe=asdict(recipe))
    kept = _kept(data, recipe)
    earlier, probs = kept.results, _all_probs(work, kept)
    rows = {(row["labels"], row["variant"]): row for row in earlier["table"]}
    pairs = {(row["labels"], row["of"], row["over"]): row for row in earlier["differences"]}
    for n in N_LABELS[data]:
        right = {}  # variant -> (n_seeds, n_test), whether the answer is right
        for variant in VARIANTS:
            found = [_positive(probs, variant, n, seed) for seed in range(100)]
            found = [(positive > 0.5) == labels for positive in found if positive is not None]
            if found:
                right[variant] = np.array(found)
        for variant, answers in right.items():
            each = answers.mean(axis=1)
            if len(each) < len(rows.get((n, variant), {"seeds": []})["seeds"]):
                continue
            rows[n, variant] = {
                "labels": n,
                "variant": variant,
                "accuracy": float(each.mean()),
                "seeds": [float(a) for a in each],
            }
        for better, worse in PAIRS:
            if better in right and worse in right:
                seeds = min(len(right[better]), len(right[worse]))
                if seeds < pairs.get((n, better, worse), {"seeds": 0})["seeds"]:
                    continue
                gain = right[better][:seeds].astype(float) - right[worse][:seeds]
                pairs[n, better, worse] = {
                    "labels": n,
                    "of": better,
                    "over": worse,
                    "seeds": seeds,
                    **_interval(gain),
                }
    table = sorted(rows.values(), key=lambda row: (row["labels"], VARIANTS.index(row["variant"])))
    differences = sorted(pairs.values(), key=lambda row: (row["labels"], PAIRS.index((row["of"], row["over"]))))
    notes = {name: work / f"{name}.json" for name in LANGUAGE_MODELS}
    models = {name: json.loads(note.read_text()) for name, note in notes.items() if note.exists()}
    results = {"table": table, "differences": differences, "language_models": {**earlier["language_models"], **models}}
    path = _receipt_file(data)
    finish_receipt(receipt, results, path)
    packed = io.BytesIO()
    np.savez_compressed(packed, **probs)
    write_atomically(path.with_suffix(".npz"), packed.getvalue())
    for row in table:
        print(f"{row['labels']:>5} {row['variant']:<9} {row['accuracy']:.3f}  {len(row['seeds'])} seeds")
    for row in differences:
        print(
            f"{row['labels']:>5} {row['of']} - {row['over']}: {row['mean']:+.3f} ({row['low']:+.3f} {row['high']:+.3f})"
        )
    return path


class Kept(NamedTuple):
    """What earlier runs with the same recipe have left in results/."""

    results: dict[str, Any]
    probs: dict[str, np.ndarray]  # the probability of the second label, (n_test,), of each run


def _receipt_file(data: str) -> Path:
    return ROOT / "results" / f"low_shot_{data}.json"


def _kept(data: str, recipe: Recipe) -> Kept:
    path = _receipt_file(data)
    receipt = read_receipt(path) if path.exists() else {"recipe": None}
    if receipt["recipe"] != json.loads(json.dumps(asdict(recipe))):
        return Kept({"table": [], "differences": [], "language_models": {}}, {})
    probs = path.with_suffix(".npz")
    if not probs.exists():
        return Kept(receipt["results"], {})
    with np.load(probs) as file:
        return Kept(receipt["results"], dict(file))


def _name(variant: str, n: int, seed: int) -> str:
    return f"{variant}-{n}-{seed}"


def _all_probs(work: Path, kept: Kept) -> dict[str, np.ndarray]:
    """Return the probability of the second label, (n_test,), of every run: those of `work`, and those kept before."""
    return {**kept.probs, **{file.stem: np.load(file)[:, 1] for file in sorted(work.glob("*-*-*[0-9].npy"))}}


def _positive(probs: dict[str, np.ndarray], variant: str, n: int, seed: int) -> np.ndarray | None:
    if variant != "ensemble":
        return probs.get(_name(variant, n, seed))
    both = [probs.get(_name(way, n, seed)) for way in ("forward", "backward")]
    return None if any(one is None for one in both) else (both[0] + both[1]) / 2


def _interval(gain: np.ndarray, draws: int = 2000) -> dict[str, float]:
    """Return the mean of paired gains (n_seeds, n_test) and its 95 % interval, seeds and reviews both drawn anew."""
    rng = np.random.default_rng(0)
    n_seeds, n_reviews = gain.shape
    means = []
    for _ in range(draws):
        by_review = gain[rng.integers(n_seeds, size=n_seeds)].mean(axis=0)  # (n_reviews,)
        means.append(by_review[rng.integers(n_reviews, size=n_reviews)].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": float(gain.mean()), "low": float(low), "high": float(high)}


def main() -> int:
    """Run the command line above; 1 if time ran out before all was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(N_LABELS), default="shipped")
    parser.add_argument("--labels", type=int, nargs="+", help="these numbers of labels only")
    parser.add_argument("--variants", choices=TRAINED, nargs="+", default=TRAINED, help="these only, in this order")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin nothing new after so many minutes")
    parser.add_argument("--shard", default="0/1", help="0/2 and 1/2 share the work between two processes")
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--precision", default="fp32", help="of the training: fp32 or bf16")
    parser.add_argument("--recipe", default="small")
    parser.add_argument(
        "--lm-epochs",
        type=int,
        default=3,
        help="of each language model, whatever the recipe says: it serves many classifiers, and is worth the wait",
    )
    parser.add_argument("--report", action="store_true", help="only put together what is there")
    options = parser.parse_args()
    # Of few texts, most words of new ones are known to the pretrained model alone.
    recipe = load_recipe(options.recipe, lm_epochs=options.lm_epochs, keep_pretrained_words=True)
    if options.data == "imdb":
        recipe = replace(recipe, min_freq=IMDB_MIN_FREQ)
    work = options.work or ROOT / "runs" / "low_shot" / options.data
    shard = tuple(map(int, options.shard.split("/")))
    complete = options.report or run(
        options.data,
        recipe,
        work,
        options.labels or N_LABELS[options.data],
        options.variants,
        options.seeds,
        options.minutes,
        shard,
        options.precision,
    )
    if complete:
        command = f"python benchmarks/low_shot.py --data {options.data} --seeds {options.seeds}"
        report(options.data, recipe, work, f"{command} --precision {options.precision}")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
