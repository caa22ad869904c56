"""The floor: TF-IDF and logistic regression, which any language model has to beat to be worth its time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ulmfit_lib.errors import DataError

if TYPE_CHECKING:
    import numpy as np

# Chosen by cross-validation on the 800 training reviews of fastai's IMDB_SAMPLE (0.831 there).
_C = 10.0  # the inverse of how much the weights are held back
_FEW_TEXTS = 100  # with fewer, terms that occur in one text are kept too


class Floor(NamedTuple):
    """Probabilities (n_texts, n_classes) for the texts asked about, columns in the order of the label numbers."""

    probs: "np.ndarray"
    n_features: int


def tfidf_floor(train_texts: Sequence[str], train_labels: Sequence[int], texts: Sequence[str]) -> Floor:
    """Fit TF-IDF weights of words and pairs of words and a logistic regression, on the training texts alone.

    Nothing of `texts` is seen before it is asked about: neither its words nor how often they occur.

    Args:
        train_texts: raw texts.
        train_labels: the number of the label of each, every number from 0 up occurring.
        texts: raw texts to be classified.

    Raises:
        DataError: fewer than two labels, or training texts without a single word.

    Source: scikit-learn's `TfidfVectorizer` and `LogisticRegression`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if len(set(train_labels)) < 2:
        raise DataError("a classifier needs at least two labels to learn from.")
    min_df = 1 if len(train_texts) < _FEW_TEXTS else 2
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=min_df)
    try:
        features = vectorizer.fit_transform(train_texts)  # (n_train, n_features)
    except ValueError as error:
        raise DataError("the training texts have too few words of two letters or more.") from error
    model = LogisticRegression(C=_C, max_iter=1000).fit(features, train_labels)
    return Floor(model.predict_proba(vectorizer.transform(texts)), features.shape[1])
