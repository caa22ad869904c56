"""The warm server: has NumPy or torch loaded, and forks a process for each submission that is marked.

It never runs a line of a student's. The fork goes into namespaces of its own (no other process, an empty /tmp, no
/proc), forks an init, which forks the process that runs the student's code: when that one ends, or the server is told
to kill it, the init ends, and with it everything the student's code has begun.

It is spoken to over a socket in messages of five bytes: S and a number, with the descriptor of the socket on which the
student's process is to answer; K and a number, to kill that process. It says R once it is ready.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from importlib import import_module
from typing import Any

from . import answers, kernel, stand_ins

MESSAGE = struct.Struct(">cI")


def main(descriptor: int, options: dict[str, Any]) -> None:
    """Serve until the grader hangs up.

    Args:
        descriptor: of the socket to the grader.
        options: "checks" (a folder), "preload" (modules), "namespaces" (whether each fork gets its own), "uid" (to
            become, or None), and the limits "memory", "seconds", "file_size", "processes" (or None).
    """
    grader = socket.socket(fileno=descriptor)
    if options["uid"] is not None:
        kernel.drop_to(options["uid"])
    for name in options["preload"]:
        module = import_module(name)
        if name == "torch":
            module.set_num_threads(1)
            # Otherwise loaded at the first use, by every fork anew.
            for part in ("torch.nn.functional", "torch.overrides", "torch.nn.utils.rnn"):
                import_module(part)
    stand_ins.install(options["checks"])
    for name in ("adapters", "forbidden"):
        import_module(f"ulmfit_lib.checks.{name}")
    options["address_space"] = _address_space() + options["memory"]
    grader.sendall(b"R")
    children: dict[int, int] = {}
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(grader, MESSAGE.size, 1)
        except OSError:
            message = b""
        if len(message) < MESSAGE.size:
            break
        what, number = MESSAGE.unpack(message)
        if what == b"S":
            process = os.fork()
            if process == 0:
                grader.close()
                _become_child(descriptors[0], options)
            os.close(descriptors[0])
            children[number] = process
        elif number in children:
            _kill(children.pop(number), options)
    for process in children.values():
        _kill(process, options)


def _kill(process: int, options: dict[str, Any]) -> None:
    with contextlib.suppress(ProcessLookupError):
        if options["namespaces"]:
            os.kill(process, signal.SIGKILL)
        else:
            os.killpg(process, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, 0)


def _become_child(descriptor: int, options: dict[str, Any]) -> None:
    """Be the process of a submission; never returns."""
    try:
        os.setsid()
        if options["namespaces"]:
            kernel.into_namespaces()
            kernel.mount_empty("/tmp", options["file_size"])
            kernel.mount_empty("/proc", 4096, read_only=True)
            os.chdir("/tmp")
            if init := os.fork():
                os.close(descriptor)
                os.waitpid(init, 0)
                os._exit(0)
            kernel.die_with_parent()
            kernel.give_up_privileges()
            if student := os.fork():
                os.close(descriptor)
                _wait_for(student)
        _set_limits(options)
        _be_alone(descriptor)
        answers.serve(descriptor)
    except BaseException as error:
        os.write(2, f"the sandbox could not begin a process: {error}\n".encode())
    finally:
        os._exit(1)


def _wait_for(student: int) -> None:
    """Be the init: collect what ends until the student's process has; then end, and all that is left with it."""
    while True:
        ended, _ = os.wait()
        if ended == student:
            os._exit(0)


def _set_limits(options: dict[str, Any]) -> None:
    limits = {"RLIMIT_CPU": options["seconds"], "RLIMIT_FSIZE": options["file_size"], "RLIMIT_NOFILE": 64}
    limits["RLIMIT_CORE"] = 0
    if kernel.LINUX:
        limits["RLIMIT_AS"] = options["address_space"]
    if options["processes"] is not None:
        limits["RLIMIT_NPROC"] = options["processes"]
    for name, limit in limits.items():
        which = getattr(resource, name)
        most = resource.getrlimit(which)[1]
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(which, (limit, limit))


def _be_alone(descriptor: int) -> None:
    """Keep no descriptor but the one, and read and print nothing."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    for number in range(3, 256):
        if number != descriptor:
            with contextlib.suppress(OSError):
                os.close(number)
    # A write to a closed socket is an error, not a death; and a file too long the same.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
