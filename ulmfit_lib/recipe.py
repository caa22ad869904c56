"""A recipe: every choice of a run beside its texts, its seed and where it runs.

Those that come with the project are TOML files in `ulmfit_lib/recipes/`; a file of yours has the same keys.
"""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.errors import ConfigError

if TYPE_CHECKING:
    from ulmfit_lib.fine_tuning import FineTuningPlan
    from ulmfit_lib.freezing import UnfreezingPlan

RECIPES = Path(__file__).parent / "recipes"
#: The rates of the fastai book's four stages of gradual unfreezing.
BOOK_LRS = (2e-2, 1e-2, 5e-3, 1e-3)


@dataclass(frozen=True)
class Recipe:
    """Sizes, lengths and rates of a run; the defaults are small enough for two thousand reviews on two cores.

    They were chosen on training texts alone: a part of them was held out and the loss and accuracy on these decided.

    Args:
        pretrained: what the language model begins with: "none" for random weights, "small" for the models that come
            with the project, "wt103" for fastai's published ones (from the network, once), or a folder that holds
            `language_model-forward` and `language_model-backward`.
        tokenizer, lang: "words" or "subwords", and the language of the texts as spaCy calls it.
        emb_sz, n_hid, n_layers: sizes of the AWD-LSTM; pretrained weights have their own.
        min_freq, max_vocab: a word is in the vocabulary if it occurs `min_freq` times, `max_vocab` words at most.
        keep_pretrained_words: whether all words of the pretrained model join the vocabulary. Where there are few
            texts, most words of a new one are known to the pretrained model alone.
        leak: whether the language model also reads the texts (not the labels) of the test, as all published results
            on IMDb do.
        lm_frozen_epochs, lm_frozen_lr: the epochs in which only embedding and decoder learn; not from random weights.
        lm_epochs, lm_lr, lm_drop_mult, lm_wd, lm_clip: epochs, highest rate, share of fastai's dropout, weight decay
            and largest norm of the gradients of the language model.
        lm_bs, classifier_bs: batch sizes; None takes one that fits the number of texts.
        classifier_freeze_to, classifier_epochs: the stages of gradual unfreezing: the first group that learns in
            each, and how many epochs it lasts.
        classifier_least_steps: a stage lasts at least so many steps. What a stage needs is steps: 100 texts make too
            few of them in an epoch.
        classifier_lrs, classifier_scale: the highest rate of each stage, and what all of them are multiplied by.
        classifier_schedule: "one_cycle", "slanted_triangular" or "constant".
        classifier_factor: how much lower the rate of each parameter group is than that of the next one up. The
            paper's 2.6 spares what pretrained layers know; from random weights they have as much to learn as the head.
        classifier_drop_mult, classifier_wd, classifier_clip: as for the language model.
        seq_len, max_len: tokens a chunk, and how many of the last tokens of a text are pooled.

    Raises:
        ConfigError: an entry is of the wrong kind or makes no sense, or the stages' entries are not of one length.
    """

    pretrained: str = "none"
    tokenizer: str = "words"
    lang: str = "en"
    emb_sz: int = 128
    n_hid: int = 256
    n_layers: int = 2
    min_freq: int = 3
    max_vocab: int = 60_000
    keep_pretrained_words: bool = False
    leak: bool = False
    lm_frozen_epochs: int = 0
    lm_frozen_lr: float = 2e-2
    lm_epochs: int = 3
    lm_lr: float = 2e-2
    lm_drop_mult: float = 0.3
    lm_wd: float = 0.01
    lm_clip: float | None = None
    lm_bs: int | None = None
    classifier_freeze_to: tuple[int, ...] = (-1, -2, -3, 0)
    classifier_epochs: tuple[int, ...] = (1, 1, 1, 3)
    classifier_least_steps: int = 0
    classifier_lrs: tuple[float, ...] = BOOK_LRS
    classifier_scale: float = 2.0
    classifier_schedule: str = "one_cycle"
    classifier_factor: float = 1.0
    classifier_drop_mult: float = 0.5
    classifier_wd: float = 0.1
    classifier_clip: float | None = None
    classifier_bs: int | None = None
    seq_len: int = 72
    max_len: int = 1440

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                _check_type(field.name, value, field.default)
        for name in (
            *("emb_sz", "n_hid", "n_layers", "min_freq", "max_vocab", "lm_epochs", "lm_lr", "lm_frozen_lr", "seq_len"),
            *("classifier_scale", "classifier_factor"),
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be more than 0, not {getattr(self, name)}.")
        for name in ("lm_frozen_epochs", "classifier_least_steps", "lm_wd", "classifier_wd"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        if self.tokenizer not in ("words", "subwords"):
            raise ConfigError(f"texts are split into words or subwords, not {self.tokenizer!r}.")
        if self.max_len < self.seq_len:
            raise ConfigError(f"max_len must be seq_len, {self.seq_len}, or more, not {self.max_len}.")
        for name, least in (("lm_bs", 1), ("classifier_bs", 2)):
            bs = getattr(self, name)
            if bs is not None and (type(bs) is not int or bs < least):
                raise ConfigError(f"{name} must be a whole number of {least} or more, not {bs}.")
        for name in ("lm_clip", "classifier_clip"):
            clip = getattr(self, name)
            if clip is not None and not 0 < clip < math.inf:
                raise ConfigError(f"{name} must be more than 0, not {clip}.")
        for name, most in (("lm_drop_mult", 4), ("classifier_drop_mult", 2)):  # else a probability would reach 1
            if not 0 <= getattr(self, name) < most:
                raise ConfigError(f"{name} must be 0 or more and less than {most}, not {getattr(self, name)}.")
        self._check_stages()

    def _check_stages(self) -> None:
        n_stages = len(self.classifier_freeze_to)
        if not n_stages or any(type(n) is not int for n in self.classifier_freeze_to):
            raise ConfigError(
                f"classifier_freeze_to is a whole number for each stage, not {self.classifier_freeze_to}.",
                fix="There is at least one stage: 0 trains everything at once.",
            )
        if self.pretrained == "none":
            self.check_groups(self.n_layers)
        if len(self.classifier_epochs) != n_stages or any(type(n) is not int or n < 1 for n in self.classifier_epochs):
            raise ConfigError(
                f"classifier_epochs are {_number(n_stages)} numbers, whole ones of 1 or more, one a stage, not "
                f"{self.classifier_epochs}."
            )
        if len(self.classifier_lrs) != n_stages or not all(0 < lr < math.inf for lr in self.classifier_lrs):
            raise ConfigError(
                f"classifier_lrs are {_number(n_stages)} rates above 0, one a stage, not {self.classifier_lrs}."
            )

    def check_groups(self, n_layers: int) -> None:
        """Refuse stages that begin with a group that a classifier of `n_layers` does not have.

        Raises:
            ConfigError: there is no such group.
        """
        n_groups = n_layers + 2  # the embedding below them, the head above
        if not all(-n_groups <= n < n_groups for n in self.classifier_freeze_to):
            raise ConfigError(
                f"classifier_freeze_to is {self.classifier_freeze_to}, and with {n_layers} layers there are "
                f"{n_groups} groups.",
                fix=f"Use numbers from {-n_groups} (all learn) to {n_groups - 1} (the head alone).",
            )

    def fine_tuning_plan(self) -> "FineTuningPlan":
        """Return what the language model does: from pretrained weights first with the layers frozen, then all of it."""
        from ulmfit_lib.fine_tuning import FineTuningPlan, Phase

        phases = [Phase(0, self.lm_epochs, self.lm_lr)]
        if self.pretrained != "none" and self.lm_frozen_epochs:
            phases.insert(0, Phase(-1, self.lm_frozen_epochs, self.lm_frozen_lr))
        return FineTuningPlan(phases=tuple(phases), wd=self.lm_wd, clip=self.lm_clip)

    def for_receipt(self) -> dict[str, Any]:
        """Return the entries as a receipt holds them: of a folder of pretrained models the name, never the path.

        >>> Recipe(pretrained="/home/me/models/mine/").for_receipt()["pretrained"]
        'mine'
        """
        return {**asdict(self), "pretrained": Path(os.path.abspath(self.pretrained)).name}

    def with_last_epochs(self, epochs: int) -> "Recipe":
        """Return the recipe with so many epochs in the last stage of the classifier, and no least number of steps."""
        return replace(self, classifier_epochs=(*self.classifier_epochs[:-1], epochs), classifier_least_steps=0)

    @property
    def n_lm_epochs(self) -> int:
        """How many epochs the language model learns for."""
        return self.lm_epochs + (self.lm_frozen_epochs if self.pretrained != "none" else 0)

    def unfreezing_plan(self, n_texts: int) -> "UnfreezingPlan":
        """Return what the classifier does when it learns from `n_texts`.

        >>> plan = Recipe(classifier_least_steps=30).unfreezing_plan(n_texts=80)  # batches of 8, 10 steps an epoch
        >>> [stage.epochs for stage in plan.stages]
        [3, 3, 3, 3]
        """
        from ulmfit_lib.freezing import Stage, UnfreezingPlan

        steps_an_epoch = max(1, n_texts // (self.classifier_bs or classifier_batch_size(n_texts)))
        least = math.ceil(self.classifier_least_steps / steps_an_epoch)
        stages = zip(self.classifier_freeze_to, self.classifier_lrs, self.classifier_epochs, strict=True)
        return UnfreezingPlan(
            tuple(
                Stage(n, lr * self.classifier_scale, epochs=max(epochs, least), schedule=self.classifier_schedule)
                for n, lr, epochs in stages
            ),
            factor=self.classifier_factor,
        )


def load_recipe(name: str | Path, **changes: Any) -> Recipe:
    """Return a recipe that comes with the project, by its name, or one from a TOML file.

    Args:
        name: "notes", "book", "paper", "ours" or another in `recipe_names()`, or a path that ends in .toml.
        changes: entries that win over those of the file.

    Raises:
        ConfigError: there is no such recipe, it is no TOML, or it has an entry that a recipe does not have.
    """
    path = Path(name) if str(name).endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if path == Path(name):
            raise ConfigError("there is no such file.", where=str(path)) from error
        raise ConfigError(
            f"there is no recipe {str(name)!r}.", fix=f"There are {', '.join(recipe_names())}; or give a .toml file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"this is no TOML: {error}.", where=str(path)) from error
    try:
        return Recipe(**{**check_entries(entries, path), **changes})
    except ConfigError as error:
        raise ConfigError(error.what, where=error.where or str(path), fix=error.fix) from error


def usual_recipe(wanted: Mapping[str, Any]) -> Recipe:
    """Return the recipe for small corpora: from the models that come with the project, or from random weights.

    These models read English words and have sizes of their own; whoever wants another language, subwords, other sizes
    or other weights begins from random ones, and with rates that suit these.

    Args:
        wanted: the entries that will be changed in it.

    >>> usual_recipe({"lm_epochs": 9}).pretrained, usual_recipe({"lang": "de"}).pretrained
    ('small', 'none')
    """
    suits = {"lang": "en", "tokenizer": "words", "pretrained": "small"}
    sizes = ("emb_sz", "n_hid", "n_layers")
    if any(wanted.get(key, value) != value for key, value in suits.items()) or any(name in wanted for name in sizes):
        return Recipe()
    return load_recipe("small")


def check_entries(entries: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    """Return entries of a TOML file as a recipe wants them.

    Raises:
        ConfigError: a recipe has no such entry, or its value is of another kind; the message names it.
    """
    known = {field.name: field for field in fields(Recipe)}
    for key, value in entries.items():
        if key not in known:
            raise ConfigError(f"a recipe has no entry {key!r}.", where=str(path), fix=f"There are {', '.join(known)}.")
        _check_type(key, value, known[key].default, path)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()}


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def to_toml(recipe: Recipe) -> str:
    """Return a recipe as the text of a TOML file; what is None is left out."""
    lines = []
    for key, value in asdict(recipe).items():
        if value is None:
            continue
        if isinstance(value, bool):
            text = str(value).lower()
        elif isinstance(value, str):
            text = f'"{value}"'
        else:
            text = str(list(value)) if isinstance(value, tuple) else repr(value)
        lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


def _check_type(key: str, value: Any, default: Any, path: Path | None = None) -> None:
    """Refuse a value of another kind than the default's; where that is None, a number is meant."""
    kinds = {bool: bool, str: str, tuple: (list, tuple), int: int}
    allowed = kinds.get(type(default), (int, float))
    right = isinstance(value, allowed) and (allowed is bool or not isinstance(value, bool))
    if right and isinstance(value, list | tuple):
        right = all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    if not right:
        wanted = {bool: "true or false", str: "a string", tuple: "a list of numbers", int: "a whole number"}
        where = "" if path is None else str(path)
        raise ConfigError(f"{key} must be {wanted.get(type(default), 'a number')}, not {value!r}.", where=where)


def _number(n: int) -> str:
    return {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}.get(n, str(n))


def language_model_batch_size(n_tokens: int, n_valid_tokens: int) -> int:
    """Return a batch size that leaves small corpora enough steps an epoch: a power of 2 from 1 to 64.

    Args:
        n_tokens: tokens to learn from.
        n_valid_tokens: tokens to be measured on, which have to fill the same number of rows.

    >>> language_model_batch_size(260_000, 30_000), language_model_batch_size(30_000_000, 300_000)
    (32, 64)
    """
    return _power_of_two(min(n_tokens // 8_000, n_valid_tokens // 8), 1, 64)


def classifier_batch_size(n_texts: int) -> int:
    """Return a batch size that leaves few texts enough steps an epoch: a power of 2 from 2 to 64.

    It is less than 8 only for less than 16 texts: batch normalisation learns badly from very few.

    >>> classifier_batch_size(4), classifier_batch_size(400), classifier_batch_size(25_000)
    (2, 8, 64)
    """
    return _power_of_two(n_texts // 50, max(2, min(8, n_texts // 2)), 64)


def _power_of_two(number: int, least: int, most: int) -> int:
    number = max(least, min(number, most))
    return 1 << (number.bit_length() - 1)
