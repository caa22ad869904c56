"""Tables of texts: CSV, TSV and Parquet, read strictly enough to say which row is wrong.

Python's own `csv` reads the rows, and not pandas, which takes the texts "NA", "null" and "None" for missing ones.
Rows are counted as a spreadsheet counts them: the header is row 1. Where a text has line breaks, the line of the file
is another number than the row, and messages give both.
"""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ulmfit_lib.data_rows import TRAIN, VALID, Row, Source
from ulmfit_lib.errors import DataError
from ulmfit_lib.files import sha256_of

Opener = Callable[..., IO[bytes]]

COLUMNS = ("text", "label", "split", "is_valid")  # all others are ignored
_OPENERS: dict[str, Opener] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_PARQUET = (".parquet", ".pq")
# What reading a damaged or shortened .gz, .xz or .bz2 file raises (`bz2` raises a plain OSError).
_DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)
_LONGEST_FIELD = 2**31 - 1  # the greatest that `csv` takes on every system; its default is 131,072 characters
_TRUE, _FALSE = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")


def is_table(path: Path) -> bool:
    """Say whether the name of a file ends like a table's.

    >>> is_table(Path("reviews.csv.xz")), is_table(Path("reviews.txt"))
    (True, False)
    """
    _, ending = _endings(path)
    return ending in _DELIMITERS or ending in _PARQUET


def read_table(path: Path, *, needs_labels: bool = True) -> Source:
    """Read a CSV, TSV or Parquet file with the columns `text`, `label` and perhaps `split` or `is_valid`.

    Raises:
        DataError: it is empty, not UTF-8, cut short, has other columns, or rows that cannot be told apart.
    """
    compression, ending = _endings(path)
    if not path.is_file():
        raise DataError("this is not a file.", where=str(path))
    if ending not in _DELIMITERS and ending not in _PARQUET:
        raise DataError(
            f"files of the kind {path.suffix or path.name!r} are not understood.",
            where=str(path),
            fix="Give a .csv, .tsv (also .gz, .xz or .bz2) or .parquet file, or a folder.",
        )
    if path.stat().st_size == 0:
        raise DataError("the file is empty.", where=str(path), fix="It needs a header row with 'text' and 'label'.")
    if ending in _PARQUET:
        rows = _read_parquet(path, needs_labels)
    else:
        rows = _read_delimited(path, _OPENERS.get(compression, open), _DELIMITERS[ending], needs_labels)
    if not rows:
        raise DataError("there are no rows under the header.", where=str(path), fix="Add rows with a text and a label.")
    return Source(rows, path.name, str(path), sha256_of(path), notes=[])


def _endings(path: Path) -> tuple[str, str]:
    """Return the ending that says how a file is compressed ("" if it is not) and the one that says what it holds."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in _OPENERS else ""
    return compression, suffixes[-1] if suffixes else ""


def _read_delimited(path: Path, opener: Opener, delimiter: str, needs_labels: bool) -> list[Row]:
    rows: list[Row] = []
    columns: list[str] | None = None
    row, line = 0, 1  # the number of the last row that was read, and the line where the next one begins
    try:
        with opener(path, "rb") as binary, _long_fields():
            # A BOM is dropped by utf-8-sig; newline="" leaves the line breaks inside of texts to `csv`.
            reader = csv.reader(io.TextIOWrapper(binary, "utf-8-sig", newline=""), delimiter=delimiter, strict=True)
            for values in reader:
                row += 1
                place = _place(row, line)
                line = reader.line_num + 1
                if not values:
                    continue
                if columns is None:
                    columns = _check_columns(path, values, needs_labels)
                    continue
                if len(values) != len(columns):
                    raise DataError(
                        f"the header names {len(columns)} columns, and this row has {_count(len(values), 'value')}.",
                        where=f"{path}, {place}",
                        fix="Put a text with commas or line breaks in quotation marks.",
                    )
                rows.append(_make_row(path, place, dict(zip(columns, values, strict=True))))
    except csv.Error as error:
        inside = "" if "unexpected end" in str(error) else ", or one inside the text is not written twice"
        raise DataError(
            f"a quotation mark is opened and never closed{inside}.",
            where=f"{path}, {_place(row + 1, line)}",
            fix='Close it; a quotation mark inside a quoted text is written twice ("").',
        ) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(path, opener, delimiter) from error
    except _DAMAGED as error:
        if getattr(error, "errno", None) is not None:
            raise  # the file system's error, such as a missing permission
        raise DataError(
            f"the compressed file is cut short or damaged ({error}).", where=str(path), fix="Copy it again."
        ) from error
    if columns is None:
        raise DataError("the file is empty.", where=str(path), fix="It needs a header row with 'text' and 'label'.")
    return rows


def _read_parquet(path: Path, needs_labels: bool) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = file.schema_arrow.names
        columns = dict(zip(_check_columns(path, names, needs_labels), names, strict=True))
        wanted = [name for name in COLUMNS if name in columns]
        table = file.read(columns=[columns[name] for name in wanted])
        records = table.select([columns[name] for name in wanted]).rename_columns(wanted).to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            "this is not a whole Parquet file with texts in UTF-8.", where=str(path), fix="Write it again."
        ) from error
    rows = []
    for number, record in enumerate(records, start=1):
        if record["text"] is not None and not isinstance(record["text"], str):
            raise DataError(
                f"the column holds {type(record['text']).__name__} values, not texts.",
                where=f"{path}, row {number}, column 'text'",
                fix="Is 'text' the right column?",
            )
        values = {name: _as_text(value) for name, value in record.items()}
        rows.append(_make_row(path, f"row {number}", values))
    return rows


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_text(value: object) -> str:
    # A missing number is NaN, the one value that is not equal to itself; where one is missing, all are floats.
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _check_columns(path: Path, header: list[str], needs_labels: bool) -> list[str]:
    columns = [name.strip() for name in header]
    needed = ("text", "label") if needs_labels else ("text",)
    missing = [name for name in needed if name not in columns]
    if missing:
        found = ", ".join(repr(name if len(name) <= 40 else name[:39] + "…") for name in columns[:10])
        other = next((mark for mark in ";\t|" if len(columns) == 1 and mark in columns[0]), None)
        raise DataError(
            f"the column {missing[0]!r} is missing; its first row names {found}.",
            where=f"{path}, row 1",
            fix=f"Separate the columns by commas, not by {other!r}."
            if other
            else "The first row must name the columns 'text' and 'label'.",
        )
    for name in COLUMNS:
        if columns.count(name) > 1:
            raise DataError(
                f"the column {name!r} is there {columns.count(name)} times.",
                where=f"{path}, row 1",
                fix="Rename all but one.",
            )
    return columns


def _make_row(path: Path, place: str, values: dict[str, str]) -> Row:
    split = values.get("split")
    if split is None and "is_valid" in values:
        word = values["is_valid"].strip().lower()
        if word not in _TRUE + _FALSE:
            raise DataError(
                f"{values['is_valid']!r} is neither True nor False.",
                where=f"{path}, {place}, column 'is_valid'",
                fix="Correct it.",
            )
        split = VALID if word in _TRUE else TRAIN
    return Row(values["text"], values.get("label", ""), split, place)


def _not_utf8(path: Path, opener: Opener, delimiter: str) -> DataError:
    """Find the first byte that is not UTF-8, and say in which row and column it is."""
    with opener(path, "rb") as binary:
        data = binary.read()
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return DataError("the file is in UTF-16, not in UTF-8.", where=str(path), fix="Save it as CSV in UTF-8.")
    try:
        data.decode("utf-8")
        at = 0
    except UnicodeDecodeError as error:
        at = error.start
    # The "?" stands for the bad byte, so that the last value is the one that it is in.
    before = io.StringIO(data[:at].decode("utf-8-sig") + "?", newline="")
    with _long_fields():
        rows = list(csv.reader(before, delimiter=delimiter))
    header = rows[0] if len(rows) > 1 else []
    column = f", column {header[len(rows[-1]) - 1].strip()!r}" if len(rows[-1]) <= len(header) else ""
    line = data[:at].count(b"\n") + 1
    return DataError(
        f"byte {at + 1:,} of the file (0x{data[at]:02x}) is not UTF-8.",
        where=f"{path}, {_place(len(rows), line)}{column}",
        fix="Save the file in UTF-8.",
    )


def _place(row: int, line: int) -> str:
    return f"row {row}" if row == line else f"row {row} (line {line})"


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the limit of `csv`, which is one for the whole process, and put the old one back."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
