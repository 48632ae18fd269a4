"""
What of Windows can be had elsewhere, for a process of its own: ``python -m tests.platforms.as_windows SCENE FOLDER``.

Python and the libraries are loaded as they are here; then all modules of aikit are loaded anew, with the names, the
missing parts of ``os`` and others, the locks, and the files that cannot be removed or replaced while they are open.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib
import io
import os
import pathlib
import pkgutil
import shutil
import signal
import struct
import sys
import types
from collections.abc import Callable
from typing import Any, Final

import aikit

# What CPython's documentation says is not available on Windows, as far as this machine has it.
_MISSING: Final[dict[str, tuple[str, ...]]] = {
    "os": (
        *("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_SYNC", "chown", "chroot", "confstr"),
        *("fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups", "getloadavg", "getpgid"),
        *("getpriority", "getuid", "killpg", "lchown", "mkfifo", "mknod", "nice", "pathconf", "posix_fadvise"),
        *("posix_fallocate", "posix_spawn", "pread", "preadv", "pwrite", "pwritev", "register_at_fork"),
        *("sched_getaffinity", "sendfile", "setsid", "setuid", "sync", "sysconf", "uname", "wait"),
    ),
    "signal": (
        *("SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "alarm", "pause"),
        *("pthread_kill", "pthread_sigmask", "setitimer", "siginterrupt", "sigwait"),
    ),
    "socket": ("SO_REUSEPORT", "MSG_DONTWAIT", "MSG_NOSIGNAL", "sethostname"),
    "select": ("poll", "epoll"),
    "time": ("tzset", "pthread_getcpuclockid", "clock_getres"),
    "errno": ("EDQUOT",),
}
_NO_MODULES: Final = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "posix", "syslog", "readline")
_OPEN_FILE_LOCK: Final = 37  # F_OFD_SETLK: as on Windows, a lock is of the open file, and not of the process
_SHARING: Final = "the file is used by another process"


def _locking(descriptor: int, mode: int, size: int) -> None:
    start = os.lseek(descriptor, 0, os.SEEK_CUR)
    kind = fcntl.F_UNLCK if mode == 0 else fcntl.F_WRLCK
    try:
        fcntl.fcntl(descriptor, _OPEN_FILE_LOCK, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, size, 0))
    except OSError as error:
        raise PermissionError(errno.EACCES, "permission denied") from error


def _is_open(path: Any, folder: int | None) -> bool:
    """
    Return whether this process has the file at *path* open; on Windows nobody can remove it then.
    """
    place = pathlib.Path(f"/proc/self/fd/{folder}", path) if folder is not None else pathlib.Path(path)
    with contextlib.suppress(OSError):
        wanted = place.lstat()
        for one in pathlib.Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(one.stat(), wanted):
                    return True
    return False


def _by_library() -> bool:
    """
    Return whether the standard library removes a file of its own making, which it does otherwise on Windows.
    """
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals["__name__"] in {"pathlib", "pathlib._local", "shutil", "contextlib"}:
        frame = frame.f_back
    return frame is not None and frame.f_globals["__name__"] in {"tempfile", "logging.handlers"}


def _guarded(act: Callable[..., None], names: int) -> Callable[..., None]:
    def guarded(*args: Any, **kwargs: Any) -> None:
        folder = kwargs.get("dir_fd")
        if not _by_library() and any(_is_open(path, folder) for path in args[:names]):
            raise PermissionError(errno.EACCES, _SHARING, os.fspath(args[0]))
        if act is _rename and os.path.lexists(args[1]):
            raise FileExistsError(errno.EEXIST, "the file exists already", os.fspath(args[0]))
        act(*args, **kwargs)

    return guarded


_rename: Final = os.rename


def modules() -> list[str]:
    """
    Return the names of all modules of the package but those that are hooks of others.
    """
    found = pkgutil.walk_packages(aikit.__path__, "aikit.")
    left_out = ("_pyinstaller", "migrations", "__main__")
    return [module.name for module in found if not any(part in module.name for part in left_out)]


def begin() -> None:
    """
    Take this machine for one with Windows from now on.
    """
    for name in modules():
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "aikit"]:
        del sys.modules[name]
    for library, names in _MISSING.items():
        for name in names:
            vars(sys.modules[library]).pop(name, None)
    for name in _NO_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # so an import of it fails
    msvcrt: Any = types.ModuleType("msvcrt")
    msvcrt.locking, msvcrt.LK_UNLCK, msvcrt.LK_NBLCK = _locking, 0, 2
    sys.modules["msvcrt"] = msvcrt
    for place in (pathlib, sys.modules.get("pathlib._local")):
        if place is not None:
            place.WindowsPath = pathlib.PosixPath  # type: ignore[attr-defined]  # pathlib asks for the system's name
    os.unlink = os.remove = _guarded(os.unlink, 1)
    os.replace, os.rename = _guarded(os.replace, 2), _guarded(_rename, 1)
    signal.CTRL_C_EVENT = 0  # type: ignore[attr-defined]  # of Windows alone
    sys.platform, os.name = "win32", "nt"


def import_all() -> None:
    """
    Import every module.
    """
    for name in modules():
        importlib.import_module(name)
    sys.stdout.write(f"{len(modules())} modules\n")


def demo() -> None:
    """
    Run the demo.
    """
    cli: Any = importlib.import_module("aikit.cli")
    code = cli.main(["demo"])
    sys.stdout.write(f"{int(code)}\n")


def files(folder: pathlib.Path) -> None:
    """
    Send, list, save and remove files, in parts and many at once, and run a batch, all of it twice.
    """
    client_of: Any = importlib.import_module("aikit").OpenAIClient
    jsonl: Any = importlib.import_module("aikit.jsonl")
    (folder / "many").mkdir()
    for name in ("one.txt", "two.txt"):
        (folder / "many" / name).write_text(name, "utf-8")
    jsonl.write(folder / "in.jsonl", [jsonl.chat_line("Hi", model="m", custom_id=str(number)) for number in range(3)])
    with client_of(provider="local", home=folder / "home") as client:
        for _ in range(2):
            kept = client.files.create(b"content", "vision", {"filename": "kept.png"}).throw().file
            saved = client.files.download(kept.id, folder / "saved.txt", {"replace": True}).throw()
            many = client.files.create_many(folder / "many", "user_data", {"manifest": folder / "many.jsonl"}).throw()
            ran = client.batches.run(folder / "in.jsonl", folder / "out.jsonl", {"poll_interval": 0.1}).throw()
            sys.stdout.write(f"{saved.bytes_written} {len(many.items)} {ran.success}\n")
        client.files.delete(kept.id).throw()
    home = folder / "home"
    places = (folder.rglob("*.part"), (home / "runs").glob("*.lock"), (home / "local" / "batches").iterdir())
    left = [path.name for place in places for path in place]
    shutil.rmtree(folder)
    sys.stdout.write(f"{left} {folder.exists()}\n")


def locks(folder: pathlib.Path) -> None:
    """
    Take a lock that is taken, one that was released, and one that was only looked at.
    """
    storage: Any = importlib.import_module("aikit.storage.locks")
    lock = storage.take(folder / "a.lock")
    told = [storage.is_held(folder / "a.lock"), storage.take(folder / "a.lock") is None]
    storage.release(folder / "a.lock", lock)
    told += [storage.is_held(folder / "a.lock"), (folder / "a.lock").exists()]
    looker = storage.take(folder / "a.lock")
    storage.time = types.SimpleNamespace(sleep=lambda _: looker.close())  # gone when it is tried again
    with storage.take(folder / "a.lock") as lock:
        told.append(lock is not None)
    sys.stdout.write(f"{told}\n")


def main(scene: str, folder: str) -> None:
    """
    Play the scene.
    """
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="\n", line_buffering=True)
    begin()
    scenes: dict[str, Callable[[], None]] = {
        "import": import_all,
        "demo": demo,
        "files": lambda: files(pathlib.Path(folder)),
        "locks": lambda: locks(pathlib.Path(folder)),
    }
    scenes[scene]()


if __name__ == "__main__":
    main(*sys.argv[1:])
