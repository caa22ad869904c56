"""Byte pair encoding by hand and by properties; the SentencePiece tokenizer against the installed fastai."""

from collections import Counter
from itertools import pairwise
from unicodedata import normalize

import pytest
from fastai.text.all import SentencePieceTokenizer, TokenizeWithRules, defaults
from fastai.text.core import eu_langs
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib import subwords
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError
from ulmfit_lib.rules import apply_rules, replace_all_caps, replace_maj
from ulmfit_lib.subwords import (
    SubwordTokenizer,
    bpe_vocab,
    decode_bpe,
    default_vocab_sz,
    encode_bpe,
    merge_pair,
    most_frequent_pair,
    pair_counts,
    train_bpe,
    word_counts,
)

# Few letters, so that pairs repeat, overlap and tie.
WORDS = st.text("abn", min_size=1, max_size=7)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
PIECES = st.lists(st.sampled_from(["a", "b", "ab", "ba", "aa"]), max_size=8).map(tuple)
PAIRS = st.tuples(st.sampled_from(["a", "b", "ab"]), st.sampled_from(["a", "b", "ba"]))


def train_slowly(words, n_merges):
    """The definition: count everything anew after each merge. Returns the merges and the words as they are then."""
    words, merges = dict(words), []
    for _ in range(n_merges):
        counts = pair_counts(words)
        if not counts:
            break
        best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[0][0]
        merges.append(best)
        words = {merge_pair(word, best): count for word, count in words.items()}
    return merges, words


def test_training_by_hand():
    words = {("▁", "l", "o", "w"): 5, ("▁", "l", "o", "w", "e", "r"): 2, ("▁", "n", "e", "w"): 3}
    assert pair_counts(words) == {
        ("▁", "l"): 7,
        ("l", "o"): 7,
        ("o", "w"): 7,
        ("w", "e"): 2,
        ("e", "r"): 2,
        ("▁", "n"): 3,
        ("n", "e"): 3,
        ("e", "w"): 3,
    }
    # Three pairs occur 7 times: "l" comes before "o" and "▁". Then ("lo", "w") and ("▁", "lo") tie again.
    assert train_bpe(words, 4) == [("l", "o"), ("lo", "w"), ("▁", "low"), ("e", "w")]


def test_pairs_that_overlap_are_counted_at_each_place_and_merged_once():
    assert pair_counts({("a", "a", "a"): 2}) == {("a", "a"): 4}
    assert merge_pair(("a", "a", "a"), ("a", "a")) == ("aa", "a")


def test_merging_compares_pieces_not_letters():
    assert merge_pair(("a", "bc"), ("ab", "c")) == ("a", "bc")


@given(PIECES, PAIRS)
def test_merging_keeps_the_letters_and_leaves_no_such_pair(word, pair):
    merged = merge_pair(word, pair)
    assert "".join(merged) == "".join(word)
    if pair[0] != pair[1]:
        assert pair not in pairwise(merged)
    assert len(word) - len(merged) <= Counter(pairwise(word))[pair]


@given(TEXTS, st.integers(0, 12))
def test_training_is_the_definition(text, n_merges):
    words = word_counts([text])
    assert train_bpe(words, n_merges) == train_slowly(words, n_merges)[0]


@given(TEXTS, st.integers(0, 12))
def test_a_word_of_the_training_text_is_cut_as_training_left_it(text, n_merges):
    merges, words = train_slowly(word_counts([text]), n_merges)
    for word in words:
        assert encode_bpe("".join(word).removeprefix("▁"), merges) == list(word)


@given(TEXTS, st.text(max_size=40))
def test_encoding_and_decoding_gives_the_text_back(training_text, text):
    merges = train_bpe(word_counts([training_text]), 8)
    text = " ".join(text.replace("▁", "").split())
    assert decode_bpe(encode_bpe(text, merges)) == text


@given(TEXTS)
def test_training_does_not_depend_on_the_order_of_the_words(text):
    backwards = " ".join(reversed(text.split()))
    assert train_bpe(word_counts([text]), 6) == train_bpe(word_counts([backwards]), 6)


@given(TEXTS, st.integers(0, 6))
def test_fewer_merges_are_the_beginning_of_more(text, n_merges):
    words = word_counts([text])
    assert train_bpe(words, n_merges) == train_bpe(words, 9)[:n_merges]


@given(TEXTS, st.integers(0, 9))
def test_every_piece_of_the_training_text_is_in_the_vocabulary(text, n_merges):
    words = word_counts([text])
    merges = train_bpe(words, n_merges)
    vocab = bpe_vocab(words, merges)
    assert set(encode_bpe(text, merges)) <= set(vocab)
    assert len(vocab) == len(set(vocab))


def test_training_ends_when_each_word_is_one_piece():
    assert train_bpe({("a", "b"): 1}, 99) == [("a", "b")]
    assert train_bpe({}, 5) == []


def test_training_leaves_its_input_alone():
    words = {("a", "b", "a"): 3}
    train_bpe(words, 2)
    assert words == {("a", "b", "a"): 3}


def test_of_several_pairs_the_first_in_sorted_order_wins():
    assert most_frequent_pair({("b", "a"): 3, ("a", "z"): 3, ("a", "b"): 3, ("a", "a"): 1}) == ("a", "b")


def test_a_negative_number_of_merges_is_refused():
    with pytest.raises(ConfigError, match="n_merges"):
        train_bpe({("a", "b"): 1}, -1)


# SentencePiece, side by side with fastai


def reviews():
    return shipped_reviews().texts[:80]


def fastais(texts, folder, **options):
    tokenizer = SentencePieceTokenizer(cache_dir=folder, **options)
    tokenizer.setup(texts, rules=defaults.text_proc_rules)
    return tokenizer


def pieces_and_scores(processor):
    return {processor.IdToPiece(i): processor.GetScore(i) for i in range(processor.GetPieceSize())}


@pytest.fixture(scope="module")
def ours():
    return SubwordTokenizer.train(reviews())


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return fastais(reviews(), tmp_path_factory.mktemp("spm"))


def test_pieces_scores_and_their_order_are_those_of_fastai(ours, theirs):
    assert ours.scores == pieces_and_scores(theirs.tok)
    assert ours.pieces == list(pieces_and_scores(theirs.tok))
    assert ours.pieces[:3] == ["▁xxunk", "▁xxpad", "▁xxbos"]


def test_tokens_of_reviews_are_those_of_fastai(ours, theirs):
    texts = shipped_reviews().texts[:150]
    for text, tokens in zip(texts, TokenizeWithRules(theirs)(texts), strict=True):
        assert ours(text) == list(tokens)


@given(st.text(max_size=60))
def test_tokens_of_any_text_are_those_of_fastai(ours, theirs, text):
    assert ours(text) == list(next(TokenizeWithRules(theirs)([text])))


@pytest.mark.parametrize(
    "options",
    [
        {"vocab_sz": 400},
        {"max_vocab_sz": 300},
        {"vocab_sz": 400, "model_type": "bpe"},
        {"vocab_sz": 400, "char_coverage": 0.98},
        {"vocab_sz": 400, "lang": "ja"},
    ],
    ids=str,
)
def test_other_settings_give_the_pieces_of_fastai(options, tmp_path):
    texts = [*reviews()[:40], "Two\nlines.\n\nA <br /> break", ""]
    theirs = fastais(texts, tmp_path, **options)
    assert SubwordTokenizer.train(texts, **options).scores == pieces_and_scores(theirs.tok)


def test_the_languages_with_few_letters_are_fastais():
    assert sorted(subwords._FEW_LETTERS) == sorted(eu_langs)


@pytest.mark.parametrize("n_words", [0, 1, 115, 116, 117, 128, 160, 161, 1000])
def test_the_number_of_pieces_is_the_one_of_fastai(n_words, tmp_path):
    text = " ".join(f"w{i}" for i in range(n_words))
    (tmp_path / "texts").write_text(text + "\n")
    expected = SentencePieceTokenizer(cache_dir=tmp_path, max_vocab_sz=41)._get_vocab_sz(tmp_path / "texts")
    assert default_vocab_sz([text], max_vocab_sz=41) == expected


def test_a_special_token_is_never_cut(ours):
    assert ours("NOT The")[:5] == ["▁xxbos", "▁xxup", "▁not", "▁xxmaj", "▁the"]


def test_decoding_gives_the_text_that_the_rules_left_in_unicodes_plain_form(ours):
    for text in reviews()[:40]:
        ruled = " ".join(apply_rules(text).split())
        assert ours.decode(ours(text)) == normalize("NFKC", ruled)
    assert ours.decode(ours.split("wait … ½")) == "wait ... 1⁄2"


def test_unigram_takes_the_most_probable_of_all_ways_to_cut(ours):
    """SentencePiece's choice for a word is the best that trying every way finds."""
    scores = ours.scores

    def ways(rest):
        if not rest:
            yield ()
        for end in range(1, len(rest) + 1):
            if rest[:end] in scores:
                yield from ((rest[:end], *others) for others in ways(rest[end:]))

    for word in ("watching", "unwatchable", "filmed", "boring"):
        best = max(ways("▁" + word), key=lambda way: sum(scores[piece] for piece in way))
        assert ours.split(word) == list(best)


def test_saved_and_loaded_it_is_the_same_and_fastai_reads_it(ours, tmp_path):
    ours.save(tmp_path / "subwords.model")
    again = SubwordTokenizer.load(tmp_path / "subwords.model")
    text = reviews()[0]
    assert again(text) == ours(text)
    assert len(again) == len(ours)
    fastai = SentencePieceTokenizer(sp_model=tmp_path / "subwords.model", cache_dir=tmp_path)
    assert list(next(TokenizeWithRules(fastai)([text]))) == ours(text)


def test_the_rules_can_be_others(ours):
    kept = SubwordTokenizer(ours.model, rules=[replace_all_caps, replace_maj])
    assert kept("Not")[:2] == ["▁xxmaj", "▁not"]


def test_what_it_cannot_use_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="no text"):
        SubwordTokenizer.train([], rules=[])
    with pytest.raises(DataError, match="could not learn"):
        SubwordTokenizer.train(["a"], vocab_sz=3)
    with pytest.raises(ConfigError, match="'words'"):
        SubwordTokenizer.train(["a text"], model_type="words")
    with pytest.raises(ArtifactError, match="cannot be read"):
        SubwordTokenizer.load(tmp_path / "missing.model")
    for wrong in (b"", b"no model"):
        with pytest.raises(ArtifactError, match="not a model"):
            SubwordTokenizer(wrong)
