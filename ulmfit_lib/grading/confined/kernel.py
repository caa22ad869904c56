"""What Linux has and Python's library has not: namespaces, mounts, giving up privileges. None of it elsewhere."""

import ctypes
import os
import signal
import sys

LINUX = sys.platform.startswith("linux")
_NEW_USER, _NEW_PID, _NEW_MOUNTS, _NEW_IPC = 0x10000000, 0x20000000, 0x00020000, 0x08000000
_NO_SUID, _NO_DEV, _NO_EXEC, _READ_ONLY = 2, 4, 8, 1
_DEATH_SIGNAL, _DUMPABLE, _NO_NEW_PRIVILEGES = 1, 4, 38
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def _do(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def into_namespaces() -> None:
    """Give this process (and the children it will fork) user, mount, process and IPC namespaces of their own.

    Raises:
        OSError: the system does not allow it.
    """
    uid, gid = os.getuid(), os.getgid()
    _do("unshare", _NEW_USER | _NEW_MOUNTS | _NEW_PID | _NEW_IPC)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def mount_empty(path: str, size: int, *, read_only: bool = False) -> None:
    """Put an empty folder in memory over `path`."""
    flags = _NO_SUID | _NO_DEV | _NO_EXEC | (_READ_ONLY if read_only else 0)
    _do("mount", b"tmpfs", path.encode(), b"tmpfs", ctypes.c_ulong(flags), f"size={size},mode=1777".encode())


def die_with_parent() -> None:
    """Let this process be killed when the one that forked it ends."""
    _do("prctl", _DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def drop_to(uid: int) -> None:
    """Become another user, for one who begins as root: root is exempt from the limit on processes."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _do("prctl", _DUMPABLE, 1, 0, 0, 0)  # else /proc/self is root's, and no namespace can be set up


def give_up_privileges() -> None:
    """Leave no capability to this process and to what it forks, for ever."""
    _do("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _do("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
