"""The sandbox: a place where a student's code sees an interpreter, a few packages, and nothing else.

Bubblewrap makes it: no network, no files but Python's own, NumPy's (and torch's for the sets that use it) and ours for
the inside (`confined`), no privileges, limits on memory, time, processes and file sizes. Where it is missing or may
make no namespaces, students' code runs in a plain process with the same limits, and every mark says "unconfined".
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ulmfit_lib.errors import UlmfitError
from ulmfit_lib.grading.confined.server import MESSAGE
from ulmfit_lib.grading.sandbox_files import binds, fill, library_paths

CONFINED, UNCONFINED = "bubblewrap", "unconfined"
_NOBODY = 65534
_SECONDS_TO_START = 120  # torch on a busy machine


class SandboxError(UlmfitError):
    """No process could be begun for a student's code."""


@dataclass(frozen=True)
class Limits:
    """What a student's code may use.

    Args:
        call: seconds one call may take.
        cell: seconds one cell may take to run.
        function: seconds all the calls of one function may take together.
        submission: seconds a whole submission may take.
        memory: bytes beside what Python and its packages hold.
        file_size: bytes of a file, and of the folder /tmp.
        processes: of the student's, threads included.
    """

    call: float = 5.0
    cell: float = 5.0
    function: float = 30.0
    submission: float = 120.0
    memory: int = 1 << 30
    file_size: int = 16 << 20
    processes: int = 16


class Sandbox:
    """A warm server in a sandbox; gives a process for each submission. Use it as a context manager.

    Args:
        torch: whether answers may use torch.
        limits: what a student's code may use.
        confined: False for a plain process, on purpose.

    Raises:
        SandboxError: not even a plain process can be begun.
    """

    def __init__(self, *, torch: bool = False, limits: Limits | None = None, confined: bool = True) -> None:
        self.torch, self.limits = torch, limits or Limits()
        self._folder = tempfile.TemporaryDirectory(prefix="ulmfit-grading-")
        self._number = 0
        self._process: subprocess.Popen | None = None
        self._socket: socket.socket | None = None
        fill(Path(self._folder.name))
        self.way = CONFINED if confined and shutil.which("bwrap") and _user_namespaces() else UNCONFINED
        #: One server for all submissions, or, where the sandbox may make no namespaces itself, a new one for each.
        self.warm = True
        if self.way == CONFINED and not self._try():
            self.warm = False
            if not self._try():
                self.way, self.warm = UNCONFINED, True
        if self.way == UNCONFINED and not self._try():
            raise SandboxError("no process can be begun for a student's code.", fix="Is Python's folder readable?")

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server and everything in it."""
        self._end_server()
        self._folder.cleanup()

    def begin(self) -> tuple[int, socket.socket]:
        """Begin a process for a submission: its number, and the socket on which it answers.

        Raises:
            SandboxError: the server has died and does not come back.
        """
        for _ in range(2):
            if self._process is None or self._process.poll() is not None or not self.warm:
                self._end_server()
                self._start_server()
            self._number += 1
            here, there = socket.socketpair()
            try:
                socket.send_fds(self._socket, [MESSAGE.pack(b"S", self._number)], [there.fileno()])
            except OSError:
                here.close()
                self._end_server()
                continue
            finally:
                there.close()
            return self._number, here
        raise SandboxError("the server of the sandbox does not start.")

    def end(self, number: int) -> None:
        """Kill the process of that number and all that it has begun."""
        with contextlib.suppress(OSError):
            self._socket.sendall(MESSAGE.pack(b"K", number))
        if not self.warm:
            self._end_server()

    def _try(self) -> bool:
        """Whether a process can be begun in this way, and answers."""
        from ulmfit_lib.grading.child import Child, Lost

        try:
            with Child(self, [], {}):
                return True
        except (SandboxError, Lost, OSError):
            self._end_server()
            return False

    def _start_server(self) -> None:
        here, there = socket.socketpair()
        command = [*self._command(), *self._python(there.fileno())]
        environment = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        # With one seed for hashes, a set has the same order at a regrade.
        environment |= {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8", "PATH": os.defpath}
        environment |= {"HOME": "/tmp", "TMPDIR": "/tmp"}
        with there:
            self._process = subprocess.Popen(
                command,
                pass_fds=[there.fileno()],
                env=environment,
                cwd=self._folder.name,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if os.environ.get("ULMFIT_SANDBOX_DEBUG") is None else None,
                start_new_session=True,  # Ctrl-C is for the grader, which then ends the server
            )
        self._socket = here
        here.settimeout(_SECONDS_TO_START)
        try:
            ready = here.recv(1) == b"R"
        except OSError:
            ready = False
        if not ready:
            self._end_server()
            raise SandboxError("the server of the sandbox does not start.")

    def _end_server(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stderr:
                self._process.stderr.close()
        self._process = self._socket = None

    def _python(self, descriptor: int) -> list[str]:
        confined = self.way == CONFINED
        inside = "/inside" if confined else self._folder.name
        options = {
            "checks": f"{inside}/checks",
            "preload": ["numpy", *(["torch"] if self.torch else [])],
            "namespaces": confined and self.warm,
            "uid": _NOBODY if confined and os.geteuid() == 0 else None,
            "memory": self.limits.memory * (2 if self.torch else 1),
            "seconds": int(self.limits.submission) + 1,
            "file_size": self.limits.file_size,
            "processes": self.limits.processes if confined and _counts_processes_by_namespace() else None,
        }
        paths = [*library_paths(), inside, "/packages" if confined else sysconfig.get_path("purelib")]
        start = (
            f"import sys; sys.path[:] = {paths!r}; from confined.server import main; import json; "
            f"main({descriptor}, json.loads({json.dumps(options)!r}))"
        )
        return [os.path.realpath(sys.executable), "-s", "-S", "-P", "-B", "-c", start]

    def _command(self) -> list[str]:
        if self.way != CONFINED:
            return []
        command = ["bwrap", "--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        if os.geteuid() == 0:  # as nobody later, so that the limit on processes holds
            command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += ["--unshare-user"]
        command += binds(self._folder.name, torch=self.torch)
        return [*command, "--proc", "/proc", "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/", "--"]


def _counts_processes_by_namespace() -> bool:
    """Whether the limit on processes counts each sandbox's own (Linux 5.14), not all of the user's."""
    try:
        return tuple(map(int, os.uname().release.split(".")[:2])) >= (5, 14)
    except ValueError:
        return False


def _user_namespaces() -> bool:
    return sys.platform.startswith("linux") and os.path.exists("/proc/self/ns/user")


def seconds_now() -> float:
    """Return a clock that no change of the time of day disturbs."""
    return time.monotonic()
