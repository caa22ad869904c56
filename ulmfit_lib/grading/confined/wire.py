"""Plain values as bytes, on the road between the grader and the sandbox: JSON, and npy without pickle.

Both sides use it. The grader trusts nothing that it decodes: anything odd is a `BadMessage`, and a value that is no
plain one arrives as an `Opaque` that equals nothing.
"""

import base64
import io
import json
import struct
from collections import Counter
from typing import Any

HEADER = struct.Struct(">I")
LONGEST = 8 << 20  # bytes of one message
DEEPEST = 40  # lists within lists
_MOST_DIGITS = 4000  # of an int; Python itself refuses to read more than 4300
_DTYPES = "biufcU"  # truth values, integers, floats, complex numbers, text; never objects
_SHOWN = 200
_as_json = json.JSONEncoder(separators=(",", ":")).encode


class BadMessage(Exception):
    """Bytes that are no message of this protocol."""


class Opaque:
    """What stands for a value that is not plain; its class has the name of the value's."""

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return self.shown

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


def pack(message: dict[str, Any]) -> bytes:
    """Return a message as bytes: its length, then JSON."""
    body = _as_json(message).encode("ascii")
    if len(body) > LONGEST:
        raise BadMessage(f"a message of {len(body):,} bytes is too long")
    return HEADER.pack(len(body)) + body


def unpack(body: bytes) -> dict[str, Any]:
    """Return the message in these bytes (without the length).

    Raises:
        BadMessage: it is none.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"not JSON: {str(error)[:80]}") from None
    if type(message) is not dict:
        raise BadMessage("not an object")
    return message


def encode(value: Any, depth: int = 0) -> Any:
    """Return what JSON can hold of a value; a value that is not plain is named and shown, no more.

    Only the exact types pass: a subclass of `str` could say that it equals everything.
    """
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        return (
            value if value.bit_length() < 3.3 * _MOST_DIGITS else {"o": ["int", f"an int of {value.bit_length()} bits"]}
        )
    if depth < DEEPEST:
        if kind is list:
            return [encode(one, depth + 1) for one in value]
        if kind is tuple:
            return {"t": [encode(one, depth + 1) for one in value]}
        if kind in (set, frozenset):
            return {"s": [encode(one, depth + 1) for one in value], "frozen": kind is frozenset}
        if kind in (dict, Counter):
            return {
                "c" if kind is Counter else "d": [
                    [encode(key, depth + 1), encode(one, depth + 1)] for key, one in value.items()
                ]
            }
    if kind is bytes:
        return {"b": base64.b64encode(value).decode("ascii")}
    if kind.__module__ == "numpy" and (encoded := _encode_numpy(value, kind)) is not None:
        return encoded
    return {"o": [_class_name(kind), _shown(value)]}


def _encode_numpy(value: Any, kind: type) -> Any:
    import numpy as np

    if kind is not np.ndarray and not (isinstance(value, np.generic) and getattr(np, kind.__name__, None) is kind):
        return None
    array = np.asarray(value)
    if array.dtype.kind not in _DTYPES or array.nbytes > LONGEST // 2:
        return None
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return {"n": base64.b64encode(file.getvalue()).decode("ascii"), "scalar": kind is not np.ndarray}


def _class_name(kind: type) -> str:
    name = "".join(c for c in str(kind.__name__) if c.isalnum() or c == "_")[:40] or "value"
    return f"subclass_of_{name}" if name in _PLAIN_NAMES else name


_PLAIN_NAMES = frozenset("NoneType bool int float str list tuple set frozenset dict bytes ndarray".split())


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except BaseException as error:
        return f"a value whose repr raises {type(error).__name__}"
    return str.__str__(text)[:_SHOWN] if isinstance(text, str) else "a value"


def decode(value: Any, depth: int = 0) -> Any:
    """Return the plain value that `encode` wrote.

    Raises:
        BadMessage: `encode` cannot have written this.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if depth > DEEPEST:
        raise BadMessage("too deep")
    if kind is list:
        return [decode(one, depth + 1) for one in value]
    try:
        return _decode_object(value, depth)
    except BadMessage:
        raise
    except (
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        EOFError,
        MemoryError,
        SyntaxError,
        RecursionError,
    ) as error:
        raise BadMessage(f"not a value: {type(error).__name__}") from None


def _decode_object(value: dict[str, Any], depth: int) -> Any:
    if "t" in value:
        return tuple(decode(one, depth + 1) for one in _a(list, value["t"]))
    if "d" in value:
        return {decode(key, depth + 1): decode(one, depth + 1) for key, one in _a(list, value["d"])}
    if "c" in value:
        return Counter({decode(key, depth + 1): decode(one, depth + 1) for key, one in _a(list, value["c"])})
    if "s" in value:
        items = [decode(one, depth + 1) for one in _a(list, value["s"])]
        return frozenset(items) if value.get("frozen") is True else set(items)
    if "b" in value:
        return base64.b64decode(_a(str, value["b"]), validate=True)
    if "n" in value:
        return _decode_numpy(base64.b64decode(_a(str, value["n"]), validate=True), value.get("scalar") is True)
    name, shown = _a(list, value["o"])
    name = _class_name(type(_a(str, name), (), {}))
    return type(name, (Opaque,), {})(_a(str, shown)[:_SHOWN])


def _decode_numpy(data: bytes, scalar: bool) -> Any:
    import numpy as np

    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, _, dtype = read(file)
    # The sizes are the sender's word: hold them against the bytes before anything is made of them.
    wanted = dtype.itemsize
    for size in shape:
        wanted *= size
    if dtype.kind not in _DTYPES or wanted != len(data) - file.tell():
        raise BadMessage("not an array")
    file.seek(0)
    array = np.load(file, allow_pickle=False)
    return array[()] if scalar else array


def _a(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise BadMessage(f"a {type(value).__name__} instead of a {kind.__name__}")
    return value
