"""A run that is not finished yet: what it has done stays in a folder beside the one that it is going to make.

    runs/reviews.unfinished/     artifacts of the stages that are done
        resume/                  what only going on needs: how the run was begun, token ids, checkpoints

When all is done the folder gets its real name, in one step, and `resume/` is deleted.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ulmfit_lib import checkpoint_files
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.files import (
    behind_links,
    lock_path,
    put_back,
    refuse_the_folder_one_is_in,
    swap_in,
    write_atomically,
)

RESUME, BEGUN = "resume", "begun.json"


@dataclass(frozen=True)
class Unfinished:
    """The folder that is being filled; `begun` is what was noted when it was begun, in an earlier sitting perhaps."""

    folder: Path
    begun: dict[str, Any]
    resumed: bool

    def place(self, name: str) -> Path:
        """Return where something that only going on needs is kept."""
        return self.folder / RESUME / name


def unfinished_folder(out: Path) -> Path:
    """Return the folder in which a run is kept that is going to make `out`; it lies on the same disk."""
    out = behind_links(out)
    return out.with_name(f"{out.name}.unfinished")


@contextmanager
def unfinished(
    out: Path,
    options: Mapping[str, Any],
    receipt: Mapping[str, Any],
    *,
    resume: bool = False,
    restart: bool = False,
    is_file: bool = False,
) -> Iterator[Unfinished]:
    """Give a folder to fill; it becomes `out` when the block ends, and stays as it is when the block fails.

    Where `out` is a file, the block itself writes it last of all, and the folder is deleted then.

    A block that fails before anything is worth keeping leaves nothing. An error that leaves something has a note that
    says how to go on, unless it says itself what to do.

    Args:
        out: the folder to make; an older one is replaced as a whole.
        options: what has to be the same when the run is gone on with.
        receipt: the receipt that was opened; going on keeps the one of the first sitting.
        resume: go on with what an interrupted run has left, if there is something.
        restart: delete what an interrupted run has left.
        is_file: whether `out` is a file.

    Raises:
        ConfigError: an interrupted run is there and neither was said, or it was begun with other options, or another
            process is at it, or `out` is the folder that the process is in.
        ArtifactError: the place cannot be written, or what was left there is damaged.
    """
    if is_file and out.exists() and not out.is_file():
        raise ConfigError("there is a folder or device of this name, and a file is to be written.", where=str(out))
    if not is_file:
        refuse_the_folder_one_is_in(out)
    folder = unfinished_folder(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        put_back(out)
    except OSError as error:
        raise ArtifactError(f"the folder cannot be made: {error.strerror}.", where=str(out)) from error
    if restart and folder.exists():
        _lock(folder)()
        shutil.rmtree(folder)
    found = folder.exists() and _is_worth_keeping(folder)
    if found and not resume:
        raise ConfigError(
            "an interrupted run lies here.",
            where=str(folder),
            fix="Go on with it by --resume, or delete it and begin anew by --restart.",
        )
    try:
        (folder / RESUME).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"this place cannot be written: {error.strerror}.", where=str(out.parent)) from error
    unlock = _lock(folder)
    try:
        work = Unfinished(folder, _begin(folder, options, receipt, found), found)
        yield work
        if is_file:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            swap_in(folder, out)
            shutil.rmtree(out / RESUME, ignore_errors=True)
    except BaseException as error:
        if folder.exists() and not _is_worth_keeping(folder):
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.exists() and not _says_what_to_do(error):
            error.add_note(f"What is done lies in {folder}; the same command with --resume goes on.")
        if isinstance(error, OSError):
            raised = ArtifactError(f"what was made cannot be saved: {error.strerror}.", where=str(out))
            raised.__notes__ = getattr(error, "__notes__", [])
            raise raised from error
        raise
    finally:
        unlock()


def _begin(folder: Path, options: Mapping[str, Any], receipt: Mapping[str, Any], found: bool) -> dict[str, Any]:
    path = folder / RESUME / BEGUN
    options = json.loads(json.dumps(options))  # as they come back: tuples become lists
    if not found:
        begun = {"options": options, "receipt": dict(receipt), "sittings": [receipt["start"]]}
    else:
        try:
            begun = json.loads(path.read_bytes())
            theirs, sittings = begun["options"], [*begun["sittings"], receipt["start"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                "this file is missing or damaged, so that the run cannot be gone on with.",
                where=str(path),
                fix="Begin anew by --restart.",
            ) from error
        for name in sorted({*theirs, *options}):
            if theirs.get(name) != options.get(name):
                raise ConfigError(
                    f"the interrupted run was begun with {name} {theirs.get(name)!r}, not {options.get(name)!r}.",
                    where=str(folder),
                    fix="Give the options that it was begun with, or begin anew by --restart.",
                )
        begun = {**begun, "sittings": sittings}
    write_atomically(path, json.dumps(begun, ensure_ascii=False))
    return begun


def _says_what_to_do(error: BaseException) -> bool:
    return isinstance(error, ConfigError) or bool(getattr(error, "fix", ""))


def _is_worth_keeping(folder: Path) -> bool:
    """Return whether there is a checkpoint, or a stage that is done."""
    return any((folder / RESUME).glob("*.checkpoint*")) or any((folder / RESUME).glob("*.done"))


def _lock(folder: Path) -> Callable[[], None]:
    """Lock a folder and return what unlocks it.

    Raises:
        ConfigError: another process has locked it.
    """
    descriptor = lock_path(folder)
    if descriptor is None and os.name == "posix":
        raise ConfigError("another run is at work here.", where=str(folder), fix="Wait for it, or give another --out.")
    return lambda: os.close(descriptor) if descriptor is not None else None


# ------------------------------------------------------------------------------------------------ stages that are done


def mark_done(path: Path, result: Mapping[str, Any]) -> None:
    """Note what a stage came to, when all that it made is saved."""
    checkpoint_files.write_checkpoint(path.with_suffix(".done"), result)


def what_was_done(path: Path) -> dict[str, Any] | None:
    """Return what `mark_done` noted; None where the stage is not done, or its note is damaged."""
    try:
        return checkpoint_files.read_checkpoint(path.with_suffix(".done")).state
    except ArtifactError:
        return None
