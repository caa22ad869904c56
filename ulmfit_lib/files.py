"""Writing so that nobody ever finds half a file: write beside the target, then rename it, which is one step."""

import contextlib
import glob
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from ulmfit_lib.errors import ConfigError, UlmfitError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_SECONDS_TO_LOCK = 2
#: Where there are no locks that end with their process, only what has not been touched for a day is taken for left.
_SECONDS_WITHOUT_LOCKS = 24 * 3600


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, the same that `sha256sum` prints."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a whole file or nothing: whoever opens `path` meanwhile sees the old file or the new one.

    Args:
        path: the file to write; its folder is made when it is missing.
        content: bytes, or text that is written as UTF-8.

    Raises:
        OSError: the disk is full or the place cannot be written; the old file is then untouched.
    """
    path = Path(path)
    with write_beside(path, content.encode("utf-8") if isinstance(content, str) else content) as beside:
        os.replace(beside, path)
    return path


@contextlib.contextmanager
def write_beside(path: Path, content: bytes) -> Iterator[Path]:
    """Write a file beside `path`, whole and on the disk, and give its name; unless the block moves it, it is deleted.

    What processes that were killed had left behind there is deleted first.

    Raises:
        OSError: the disk is full or the place cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _delete_left_behind(path)
    beside, lock = _beside(path), None
    try:
        with open(beside, "xb") as file:
            lock = lock_path(beside)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def folder_written_atomically(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `folder` when the block ends, and vanishes when the block fails.

    An older `folder` is replaced as a whole. A process that is killed between the two renames leaves the older one
    under the name that `put_back` looks for; what a killed process had filled so far is deleted by the next one.

    Where `folder` is a link to a folder, that one is replaced and the link stays.

    Raises:
        OSError: the disk is full or the place cannot be written; an older folder is then untouched.
        ConfigError: it is the folder that the process is in, or one above it.
    """
    folder = behind_links(folder)
    refuse_the_folder_one_is_in(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    put_back(folder)
    _delete_left_behind(folder)
    beside = _beside(folder)
    beside.mkdir()
    lock = lock_path(beside)
    try:
        yield beside
        for path in beside.rglob("*"):
            if path.is_file():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
        swap_in(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def swap_in(new: Path, folder: Path) -> None:
    """Give the folder `new` the name `folder`; what had that name before is deleted.

    Where `folder` is a link to a folder, that one is replaced and the link stays; `new` must lie on the same disk.
    """
    folder = behind_links(folder)
    older = _older(folder)
    if folder.exists():
        _remove(older)
        os.rename(folder, older)
    try:
        os.rename(new, folder)
    except BaseException:
        put_back(folder)
        raise
    _remove(older)


def _remove(folder: Path) -> None:
    """Delete a folder as well as can be, and of a link to one the link alone."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_to_replace(
    folder: Path,
    ours: Collection[str],
    kind: str,
    *,
    mark: str = "",
    error: type[UlmfitError] = ConfigError,
    fix: str = "Give another folder.",
) -> None:
    """See that a folder may be replaced as a whole: it is not there, empty, or an older one of its kind and no more.

    Args:
        folder: the folder.
        ours: the names that may stand in it, with `*` for what differs.
        kind: whose folder it should be, in words: "a run's".
        mark: a name that each of its kind holds; without it all that is there is something else.
        error: what is raised.
        fix: what to do about it.

    Raises:
        ConfigError: something else is there, which would be lost.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise error("there is a file of this name, which would be lost.", where=str(folder), fix=fix)
    held = sorted(path.name for path in folder.iterdir())
    others = [name for name in held if not any(fnmatchcase(name, pattern) for pattern in ours)]
    if mark and mark not in held:
        others = held
    if others:
        what = f"this folder is not {kind}: it holds {others[0]!r}, which would be lost."
        raise error(what, where=str(folder), fix=fix)


def put_back(folder: Path) -> None:
    """Undo a replacement of `folder` that was killed between its two renames."""
    folder = behind_links(folder)
    if not folder.exists() and _older(folder).exists():
        os.rename(_older(folder), folder)


def behind_links(folder: Path) -> Path:
    """Return the folder that a link leads to, and any other path as it is."""
    folder = Path(folder)
    return Path(os.path.realpath(folder)) if folder.is_symlink() else folder


def refuse_the_folder_one_is_in(folder: Path) -> None:
    """See that a folder can be replaced as a whole, and a name put beside it.

    Raises:
        ConfigError: it is the folder that the process is in, or one above it.
    """
    if Path.cwd().resolve().is_relative_to(Path(os.path.realpath(folder))):
        what = "this is the folder that the command is called in, or one above it, which cannot be replaced."
        raise ConfigError(what, where=str(folder), fix="Give the name of a folder in it.")


def _older(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.older")


def lock_path(path: Path) -> int | None:
    """Lock a file or folder until this process ends or closes what is returned; None if another one has locked it.

    The system gives the lock back however the process ends, so what is not locked was left behind. Windows has no such
    locks for folders; there nothing is locked, and what is old is taken for left behind.
    """
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _delete_left_behind(target: Path) -> None:
    """Delete what killed processes had written so far of a file or folder."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        try:
            age = time.time() - left.stat().st_mtime
            # A process that has just made its folder may not have locked it yet.
            if age < (_SECONDS_TO_LOCK if fcntl else _SECONDS_WITHOUT_LOCKS):
                continue
            lock = lock_path(left)
        except FileNotFoundError:  # its process has just finished
            continue
        if lock is None and fcntl is not None:
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
