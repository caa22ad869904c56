"""The problem sets, a module a stage. Sets are imported when they are asked for: later ones need torch."""

from importlib import import_module

from ulmfit_lib.checks.exercise import Exercise, ProblemSet
from ulmfit_lib.errors import ConfigError

# Slug of the stage -> module, and the exercises in it, so that one name imports one set.
_SETS = {
    "01_tokenization": (
        "tokenization",
        "fix_html replace_rep replace_wrep spec_add_spaces rm_useless_spaces replace_all_caps replace_maj lowercase "
        "apply_rules order_matters",
    ),
    "02_subwords": ("subwords", "pair_counts merge_pair train_bpe encode_bpe decode_bpe"),
    "03_vocab": (
        "vocab",
        "count_tokens most_frequent add_fillers make_vocab numericalize denumericalize unknown_rate tokens_needed "
        "translate_ids",
    ),
    "04_streams": ("streams", "concat_documents batch_length mini_streams lm_batches reads in_direction"),
    "05_language_model": (
        "language_model",
        "lstm_cell dropout_mask rnn_dropout embedding_dropout weight_dropout tied_logits perplexity "
        "next_token_accuracy ar_tar_penalty",
    ),
    "06_fine_tuning": (
        "fine_tuning",
        "match_embeddings freeze_to count_trainable one_cycle resume_position encoder_state",
    ),
    "07_generation": (
        "generation",
        "next_token_probs keep_min_p draw generate decode_special_tokens copied_share",
    ),
    "08_classifier_batches": (
        "classifier_batches",
        "pad_batch padding_waste sorted_batches shuffled_batches token_budget_batches restore_order masked_mean",
    ),
    "09_classifier": (
        "classifier",
        "first_pooled_token pooling_mask encode_in_chunks masked_concat_pool batch_norm classifier_head",
    ),
    "10_gradual_unfreezing": (
        "gradual_unfreezing",
        "parameter_groups discriminative_lrs slanted_triangular unfreezing_plan rates_at",
    ),
    "11_backward_and_ensemble": (
        "backward_and_ensemble",
        "reverse_ids average_probs moved_texts accuracy_interval mcnemar",
    ),
}
SLUGS = tuple(_SETS)
EXERCISE_NAMES = {name: slug for slug, (_, names) in _SETS.items() for name in names.split()}


def problem_set(slug: str) -> ProblemSet:
    """Return the problem set of a stage, such as "01_tokenization".

    Raises:
        ConfigError: there is no such set.
    """
    if slug not in _SETS:
        raise ConfigError(f"There is no problem set {slug!r}.", fix=f"There are: {', '.join(SLUGS)}.")
    return import_module(f"ulmfit_lib.checks.sets.{_SETS[slug][0]}").PROBLEM_SET


def exercise(name: str) -> Exercise:
    """Return the exercise of that name.

    Raises:
        ConfigError: there is no such exercise.
    """
    if name not in EXERCISE_NAMES:
        raise ConfigError(f"There is no exercise {name!r}.", fix=f"There are: {', '.join(EXERCISE_NAMES)}.")
    return next(one for one in problem_set(EXERCISE_NAMES[name]).exercises if one.name == name)
