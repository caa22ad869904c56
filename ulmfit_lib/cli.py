"""The entry of the command `ulmfit`: what a user can mend becomes one line and an exit code, never a traceback.

0    done
1    `ulmfit doctor` found something needed missing
2    bad input or options; the line on stderr says what to do
130  interrupted (Ctrl-C), 143 terminated
"""

import errno
import signal
import sys
from types import FrameType
from typing import NoReturn

from ulmfit_lib.errors import UlmfitError

BAD_INPUT, INTERRUPTED, TERMINATED = 2, 130, 143
# What the system says when a place cannot be used, and the user can do something about it.
_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_PLACES = (*_WRITTEN, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


def main() -> NoReturn:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_main(sys.argv[1:]))


def _main(arguments: list[str]) -> int:
    try:
        from ulmfit_lib.commands import app
    except ModuleNotFoundError as error:
        if arguments == ["doctor"]:  # the one command that must run when nothing else does
            from ulmfit_lib.doctor import main as examine

            return examine()
        return _say(f"the package {error.name!r} is missing. `ulmfit doctor` says what to install.", BAD_INPUT)
    try:
        app(arguments, prog_name="ulmfit")
    except UlmfitError as error:
        return _say(" ".join([str(error), *_notes(error)]), BAD_INPUT)
    except ModuleNotFoundError as error:
        return _say(f"the package {error.name!r} is missing. `ulmfit doctor` says what to install.", BAD_INPUT)
    except OSError as error:
        if error.errno not in _PLACES:
            raise
        how = "written" if error.errno in _WRITTEN else "read or written"
        return _say(f"{error.filename or 'the output'}: it cannot be {how} ({error.strerror}).", BAD_INPUT)
    except KeyboardInterrupt as interrupt:
        return _say_interrupted(interrupt)
    except SystemExit as end:  # how typer ends
        if end.code == TERMINATED:
            return _say(f"another program ended this one (SIGTERM); {_left(end)}", TERMINATED)
        return _say_interrupted(end) if end.code == INTERRUPTED else end.code
    return 0


def _say_interrupted(end: BaseException) -> int:
    return _say(f"interrupted; {_left(end)}", INTERRUPTED)


def _left(end: BaseException) -> str:
    """Return what is left of a command that was ended: the notes of the exception say so."""
    notes = " ".join(_notes(end)) or "nothing was left behind."
    return notes[0].lower() + notes[1:]


def _notes(error: BaseException | None) -> list[str]:
    """Return the notes of an exception, or of the one that it took the place of (typer ends by one of its own)."""
    while error is not None:
        if notes := getattr(error, "__notes__", []):
            return notes
        error = error.__context__
    return []


def _say(text: str, code: int) -> int:
    print(f"ulmfit: {' '.join(text.split())}", file=sys.stderr)
    return code


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    # An exception, so that what is half done is cleared away.
    raise SystemExit(TERMINATED)


if __name__ == "__main__":
    main()
