"""Reading texts: what is fine is read to the letter, and each kind of bad input gets one clear sentence."""

import csv
import gzip
import hashlib
import io
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.data import Texts, read_texts, shipped_reviews
from ulmfit_lib.data_rows import stratified
from ulmfit_lib.errors import ConfigError, DataError

ROWS = "".join(f"a good film {i},pos\na bad film {i},neg\n" for i in range(5))
TABLE = "text,label\n" + ROWS


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return write


# ---------------------------------------------------------------------------------------------- what is fine


def test_a_table_is_read_in_its_order(write):
    path = write("films.csv", "id,text,label,split\n7,Good.,pos,train\n8,Bad.,neg,train\n9,Fine.,pos,train\n"
                 "10,Poor.,neg,train\n11,Nice.,pos,test\n12,More of it,,unsup\n")  # fmt: skip
    texts = read_texts(path)
    assert texts.texts == ["Good.", "Bad.", "Fine.", "Poor.", "Nice.", "More of it"]
    assert texts.labels == ["pos", "neg", "pos", "neg", "pos", None]
    assert texts.splits == ["train", "train", "train", "train", "test", "unsup"]
    assert texts.label_names == ["neg", "pos"]
    assert texts.subset("train").label_ids() == [1, 0, 1, 0]
    assert texts.name == "films.csv"
    assert texts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert texts.notes == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bom.csv", lambda table: b"\xef\xbb\xbf" + table.encode()),
        ("windows.csv", lambda table: table.replace("\n", "\r\n")),
        ("old_mac.csv", lambda table: table.replace("\n", "\r")),
        ("table.tsv", lambda table: table.replace(",", "\t")),
        ("blank_lines.csv", lambda table: table.replace("\n", "\n\n")),
        ("spaced_header.csv", lambda table: table.replace("text,label", " text , label ")),
        ("table.csv.gz", lambda table: gzip.compress(table.encode())),
        ("table.csv.xz", lambda table: lzma.compress(table.encode())),
        ("TABLE.CSV", lambda table: table),
    ],
)
def test_the_same_table_in_other_clothes_gives_the_same_texts(write, name, change):
    plain, dressed = read_texts(write("plain.csv", TABLE)), read_texts(write(name, change(TABLE)))
    assert (dressed.texts, dressed.labels, dressed.splits) == (plain.texts, plain.labels, plain.splits)


def test_words_that_pandas_takes_for_missing_are_texts(write):
    texts = read_texts(write("na.csv", TABLE + "NA,pos\nnull,neg\nNone,pos\nnan,neg\n"))
    assert texts.texts[-4:] == ["NA", "null", "None", "nan"]


def test_a_row_of_two_megabytes_is_read_and_the_limit_of_csv_is_put_back(write):
    limit = csv.field_size_limit()
    long = "word\n" * 400_000
    texts = read_texts(write("long.csv", f'{TABLE}"{long}",pos\n'))
    assert texts.texts[-1] == long
    assert csv.field_size_limit() == limit


def test_line_breaks_inside_a_text_stay_and_are_the_same_from_windows(write):
    unix = read_texts(write("unix.csv", TABLE + '"one\n\ntwo",pos\n'))
    windows = read_texts(write("windows.csv", (TABLE + '"one\n\ntwo",pos\n').replace("\n", "\r\n")))
    assert unix.texts[-1] == windows.texts[-1] == "one\n\ntwo"


def test_labels_may_hold_spaces_and_lose_those_around_them(write):
    texts = read_texts(write("labels.csv", TABLE.replace(",pos", ", science fiction ")))
    assert texts.label_names == ["neg", "science fiction"]


def test_an_empty_label_means_unlabelled(write):
    texts = read_texts(write("some.csv", "text,label,split\na,p,train\nb,n,train\nc,p,train\nd,n,train\ne,,train\n"
                             "f,,test\ng,p,test\n"))  # fmt: skip
    assert texts.labels == ["p", "n", "p", "n", None, None, "p"]
    assert texts.splits == ["train"] * 4 + ["unsup", "test", "test"]
    assert texts.subset("test", labelled=True).texts == ["g"]
    assert texts.notes == ["Texts of split 'test' that have no label and are not scored: 1."]


def test_labels_of_unsup_are_not_used(write):
    texts = read_texts(write("unsup.csv", TABLE.replace("label\n", "label,split\n").replace("pos\n", "pos,train\n")
                             .replace("neg\n", "neg,train\n") + "more,unsup,unsup\n"))  # fmt: skip
    assert texts.label_names == ["neg", "pos"]
    assert texts.labels[-1] is None


def test_fastais_is_valid_is_understood(write):
    table = "text,label,is_valid\na,p,False\nb,n,False\nc,p,0\nd,n,false\ne,n,True\nf,p,1\n"
    assert read_texts(write("f.csv", table)).splits == ["train"] * 4 + ["valid"] * 2


def test_without_a_split_a_fifth_of_each_label_is_held_out_and_it_is_said(write):
    path = write("plain.csv", "text,label\n" + "".join(f"{i},{'pos' if i % 3 else 'neg'}\n" for i in range(60)))
    texts = read_texts(path, seed=3)
    valid = texts.subset("valid")
    assert sorted(valid.labels) == ["neg"] * 4 + ["pos"] * 8  # of 20 and of 40
    assert len(texts.subset("train")) == 48
    assert "20%" in texts.notes[0]
    assert "seed 3" in texts.notes[0]
    assert read_texts(path, seed=3).splits == texts.splits
    assert read_texts(path, seed=4).splits != texts.splits


def test_a_table_of_training_rows_alone_is_split_too(write):
    table = TABLE.replace("label\n", "label,split\n").replace("pos\n", "pos,train\n").replace("neg\n", "neg,train\n")
    texts = read_texts(write("train.csv", table))
    assert texts.splits.count("valid") == 2
    assert texts.notes[0].startswith("No labelled text is for validation or test")


def test_copies_between_train_and_test_are_said(write):
    table = "text,label,split\na,p,train\nb,n,train\nc,p,train\nd,n,train\na,p,test\nz,n,test\n"
    assert read_texts(write("copies.csv", table)).notes == [
        "Texts of split 'test' that are also among the texts for training: 1."
    ]


def test_labels_that_differ_in_capitals_are_said(write):
    texts = read_texts(write("capitals.csv", TABLE + "x,Pos\ny,Pos\nz,Pos\n"))
    assert any("differ only in capitals" in note for note in texts.notes)


def test_parquet(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"text": ["a", "b", "NA", "d", "e", "f"], "label": [1, 0, 1, 0, None, 1], "other": [0.5] * 6}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    texts = read_texts(tmp_path / "t.parquet")
    assert texts.texts == ["a", "b", "NA", "d", "e", "f"]
    assert texts.labels == ["1", "0", "1", "0", None, "1"]


def test_spaces_around_the_names_of_columns_do_not_matter_in_parquet(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"label ": ["x", "y"] * 3, "other": [0.5] * 6, " text": list("abcdef")}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    texts = read_texts(tmp_path / "t.parquet")
    assert (texts.texts, texts.labels) == (list("abcdef"), ["x", "y"] * 3)


def test_a_folder_like_aclimdb(write, tmp_path):
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            for i in range(2):
                write(f"acl/{split}/{label}/{i}_7.txt", f"{split} {label} {i}")
    write("acl/train/unsup/0_0.txt", "no label")
    write("acl/train/urls_pos.txt", "http://www.imdb.com/title/tt0453418/usercomments")
    write("acl/imdb.vocab", "the")
    texts = read_texts(tmp_path / "acl")
    assert len(texts) == 9
    assert texts.subset("train").texts == ["train neg 0", "train neg 1", "train pos 0", "train pos 1"]
    assert texts.subset("test").labels == ["neg", "neg", "pos", "pos"]
    assert texts.subset("unsup").texts == ["no label"]
    assert texts.name == "acl"


def test_any_folder_a_label(write, tmp_path):
    for label in ("science fiction", "war", "unsup"):
        for i in range(5):
            write(f"genres/{label}/{i}.txt", f"{label} {i}")
    texts = read_texts(tmp_path / "genres")
    assert texts.label_names == ["science fiction", "war"]
    assert [texts.splits.count(split) for split in ("train", "valid", "unsup")] == [8, 2, 5]


def test_a_folder_of_tables_named_by_their_split(write, tmp_path):
    write("imdb/train.csv.gz", gzip.compress(TABLE.encode()))
    write("imdb/test.csv", "text,label\nfine,pos\n")
    texts = read_texts(tmp_path / "imdb")
    assert texts.splits == ["train"] * 10 + ["test"]


def test_texts_without_labels_can_be_read_for_a_language_model(write):
    texts = read_texts(write("wiki.csv", "title,text\na,One article.\nb,Another.\n"), needs_labels=False)
    assert texts.splits == ["unsup", "unsup"]
    assert texts.label_names == []


def test_where_labels_are_not_needed_spaces_around_them_do_not_matter(write):
    texts = read_texts(write("spaces.csv", TABLE + "x,pos \n"), needs_labels=False)
    assert texts.label_names == ["neg", "pos"]


def test_a_table_of_texts_without_labels_beside_one_with_them(write, tmp_path):
    write("imdb/train.csv", TABLE)
    write("imdb/unsup.csv", "text\nmore\n")
    texts = read_texts(tmp_path / "imdb")
    assert texts.subset("unsup").texts == ["more"]


# Any text that a CSV file can hold comes back as it was (but for Windows' line ends, which become "\n").
_any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip())


@given(st.lists(_any_text, min_size=5, max_size=9))
def test_what_csv_writes_is_read_back(tmp_path_factory, texts):
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["text", "label", "split"])
    for i, text in enumerate(texts):
        writer.writerow([text, "ab"[i % 2], "train"])
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    path.write_text(file.getvalue(), encoding="utf-8", newline="")
    assert read_texts(path, seed=1).texts == [text.replace("\r\n", "\n") for text in texts]


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=40), st.integers(0, 5))
def test_stratified_takes_from_each_label_its_share_and_leaves_two(labels, seed):
    chosen = stratified(labels, 0.2, seed)
    for label in ("a", "b", "c"):
        places = [i for i, other in enumerate(labels) if other == label]
        wanted = max(1, round(len(places) * 0.2)) if len(places) > 2 else 0
        assert len(chosen & set(places)) == wanted
    assert all(labels[i] is not None for i in chosen)


# ---------------------------------------------------------------------------------------------- what is not

_PARTED = "text,label,split\n"

BAD = {
    "columns.csv": ("review,label\na,b\n", ["row 1", "column 'text' is missing", "'review', 'label'"]),
    "no_label.csv": ("text,sentiment\na,b\n", ["row 1", "column 'label' is missing"]),
    "semicolons.csv": (TABLE.replace(",", ";"), ["row 1", "commas, not by ';'"]),
    "twice.csv": ("text,label,text\na,b,c\n", ["row 1", "column 'text' is there 2 times"]),
    "empty.csv": ("", ["the file is empty"]),
    "blank.csv": ("\n\n", ["the file is empty"]),
    "header.csv": ("text,label\n", ["no rows under the header"]),
    "one_label.csv": ("text,label\na,pos\nb,pos\nc,\n", ["one label 'pos'"]),
    "no_labels.csv": ("text,label\na,\nb,\n", ["no text has a label"]),
    "latin1.csv": (
        TABLE.encode() + b'"two\nlines, caf\xe9",pos\n',
        ["row 12 (line 13)", "column 'text'", f"byte {len(TABLE) + 16} ", "0xe9", "not UTF-8"],
    ),
    "latin1_label.csv": (TABLE.encode() + b"x,n\xe9g\n", ["row 12", "column 'label'", "not UTF-8"]),
    "utf16.csv": (TABLE.encode("utf-16"), ["UTF-16"]),
    "spaces.csv": (TABLE + "x, pos\n", ["row 12", "column 'label'", "'pos' (row 2)", "' pos' (row 12)"]),
    "missing.csv": (TABLE + ",pos\n", ["row 12", "column 'text'", "missing"]),
    "only_spaces.csv": (TABLE + '"two\nlines",pos\n" \n ",pos\n', ["row 13 (line 14)", "column 'text'", "missing"]),
    "unclosed.csv": (
        TABLE + '"two\nlines",pos\n"never closed,pos\nmore,neg\n',
        ["row 13 (line 14)", "quotation mark is opened and never closed"],
    ),
    "unclosed_then_quoted.csv": (TABLE + '"never closed,pos\n"more",neg\n', ["row 12", "quotation mark"]),
    "too_many_values.csv": (TABLE + "a, comma,pos\n", ["row 12", "2 columns", "3 values"]),
    "too_few_values.csv": (TABLE + "a\n", ["row 12", "2 columns", "1 value."]),
    "split.csv": (_PARTED + "a,p,train\nb,n,validation\n", ["row 3", "column 'split'", "'validation'", "train, valid"]),
    "empty_split.csv": (_PARTED + "a,p,train\nb,n,\n", ["row 3", "column 'split'", "''"]),
    "is_valid.csv": ("text,label,is_valid\na,p,maybe\n", ["row 2", "column 'is_valid'", "'maybe'"]),
    "many.csv": (
        "text,label\n" + "".join(f"a,l{i:03}\nb,l{i:03}\nc,l{i:03}\n" for i in range(101)),
        ["101 labels", "100 are the most", "'l100'"],
    ),
    "too_few.csv": ("text,label\na,p\nb,p\nc,n\nd,n\n", ["too few texts to hold any out"]),
    "few.csv": (TABLE + "x,mid\n", ["label 'mid' has 1 text for training"]),
    "no_training.csv": (_PARTED + "a,p,test\nb,n,test\n", ["no text with a label is for training"]),
    "only_in_test.csv": (
        _PARTED + "a,p,train\nb,n,train\nc,p,train\nd,n,train\ne,mid,test\n",
        ["row 6", "column 'label'", "'mid'", "split 'test'"],
    ),
    "cut_short.csv.gz": (gzip.compress(TABLE.encode())[:-12], ["cut short or damaged"]),
    "cut_short.csv.xz": (lzma.compress(TABLE.encode())[:-12], ["cut short or damaged"]),
    "no_gzip.csv.gz": (TABLE, ["cut short or damaged"]),
    "no_parquet.parquet": (TABLE, ["not a whole Parquet file"]),
    "word.docx": (TABLE, ["'.docx'", "not understood"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(write, name):
    content, words = BAD[name]
    path = write(name, content)
    with pytest.raises(DataError) as caught:
        read_texts(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))


def test_a_hundred_labels_are_not_too_many(write):
    table = "text,label\n" + "".join(f"a,l{i:03}\nb,l{i:03}\nc,l{i:03}\n" for i in range(100))
    assert len(read_texts(write("many.csv", table)).label_names) == 100


def test_a_missing_file_and_a_folder_without_texts_are_named(write, tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: there is no such file or folder"):
        read_texts(tmp_path / "none.csv")
    write("folder/readme.md", "nothing here")
    with pytest.raises(DataError, match=r"folder: there are no texts in this folder"):
        read_texts(tmp_path / "folder")
    write("folder/reviews.csv", TABLE)
    with pytest.raises(DataError, match=r"Did you mean the file 'reviews\.csv'"):
        read_texts(tmp_path / "folder")


def test_a_bad_file_in_a_folder_is_named(write, tmp_path):
    for label in ("pos", "neg"):
        for i in range(3):
            write(f"films/{label}/{i}.txt", "words")
    write("films/pos/1.txt", "")
    with pytest.raises(DataError, match=r"films/pos/1\.txt: the text is missing"):
        read_texts(tmp_path / "films")
    write("films/pos/1.txt", b"caf\xe9")
    with pytest.raises(DataError, match=r"films/pos/1\.txt: byte 4 of the file \(0xe9\) is not UTF-8"):
        read_texts(tmp_path / "films")


def test_two_tables_of_one_split_are_named(write, tmp_path):
    write("imdb/train.csv", TABLE)
    write("imdb/train.tsv", TABLE.replace(",", "\t"))
    with pytest.raises(DataError, match=r"imdb: there are two tables of the split 'train', train\.csv and train\.tsv"):
        read_texts(tmp_path / "imdb")


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.exists", refuse)
    with pytest.raises(DataError, match=r"t\.csv: it cannot be read \(Permission denied\)"):
        read_texts(tmp_path / "t.csv")


def test_a_bad_row_in_a_folder_of_tables_is_named(write, tmp_path):
    write("imdb/train.csv", TABLE)
    write("imdb/test.csv", "text,label\n,pos\n")
    with pytest.raises(DataError, match=r"imdb/test\.csv, row 2, column 'text': the text is missing"):
        read_texts(tmp_path / "imdb")


def test_parquet_rows_are_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", None], "label": ["x", "y"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"row 2, column 'text': the text is missing"):
        read_texts(tmp_path / "t.parquet")
    pq.write_table(pa.table({"text": [1, 2], "label": ["x", "y"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"row 1, column 'text': the column holds int values"):
        read_texts(tmp_path / "t.parquet")


def test_a_share_that_is_none_is_refused(write):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        read_texts(write("plain.csv", TABLE), valid_fraction=1.0)


def test_numbers_of_labels_need_labels():
    texts = Texts(["a"], [None], ["unsup"], "toy", "")
    with pytest.raises(DataError, match="labelled=True"):
        texts.label_ids()


# ------------------------------------------------------------------------------------ what the project ships


@pytest.fixture
def shipped(write, tmp_path):
    """A small folder like ulmfit_lib/shipped."""
    table = "id,text,label,split,film\n" + "".join(
        f"{i},review {i},{'pos' if i % 2 else 'neg'},{'test' if i > 7 else 'train'},Film {i}\n" for i in range(10)
    )
    path = write("shipped/reviews.csv.gz", gzip.compress(table.encode()))
    write("shipped/SHA256SUMS", f"{hashlib.sha256(path.read_bytes()).hexdigest()}  reviews.csv.gz\n")
    return tmp_path / "shipped"


def test_the_shipped_reviews_are_read_when_they_are_whole(shipped):
    texts = shipped_reviews(shipped)
    assert (len(texts), texts.name, texts.label_names) == (10, "reviews.csv.gz", ["neg", "pos"])


def test_a_missing_or_altered_shipped_file_is_named_with_how_to_get_it_back(shipped):
    (shipped / "reviews.csv.gz").write_bytes(b"altered")
    with pytest.raises(DataError, match=r"reviews\.csv\.gz: this file was altered.*git checkout"):
        shipped_reviews(shipped)
    (shipped / "reviews.csv.gz").unlink()
    with pytest.raises(DataError, match=r"reviews\.csv\.gz: this file of the package is missing.*install"):
        shipped_reviews(shipped)
    (shipped / "SHA256SUMS").write_text("")
    (shipped / "reviews.csv.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"SHA256SUMS: reviews\.csv\.gz is not listed"):
        shipped_reviews(shipped)


# ------------------------------------------------------------------------------------------- outside data


def test_fastais_sample_is_read_as_pandas_reads_it(outside_data):
    import pandas as pd

    path = outside_data / "imdb_sample" / "texts.csv"
    texts, frame = read_texts(path), pd.read_csv(path, keep_default_na=False)
    assert texts.texts == frame.text.tolist()
    assert texts.labels == frame.label.tolist()
    assert [split == "valid" for split in texts.splits] == frame.is_valid.tolist()
