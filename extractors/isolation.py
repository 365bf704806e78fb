"""What the kernel gives to hold the processes that open hostile bytes.

Two walls.  The outer one is around the process that forks the children (`extractors.child`): bubblewrap, a file system
with nothing but the program and the models and no network; where it is missing that process holds itself, by Landlock
and by empty user and network namespaces where they are permitted.  The inner one is around each child that gets a
file: limits, Landlock once more (a folder of its own to write in, no signals to the others), a filter of system calls.
Linux only.  Not covered: timing.
"""

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from extractors.filter import refuse_calls
from extractors.forking import die_with_parent

WORKSPACE_INSIDE: Final = "/tmp"  # noqa: S108  # a tmpfs of the child's own
WORKSPACE_BYTES: Final = 256 * 1024 * 1024
OPEN_FILES: Final = 64
PROGRAM_MIB: Final = 2048
"""address space for what is no allocation: libraries, files of weights that are mapped, stacks that are never used"""
MOST_TASKS: Final = 256
"""processes and threads of the whole sandbox; engines start one thread a core"""

PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38
CAPABILITY_VERSION_3: Final = 0x20080522
NO_CAPABILITIES: Final = bytes(2 * 3 * 4)
"""effective, permitted and inheritable, in two halves of 32 bits"""

# Namespaces: clone flags of linux/sched.h.
NEW_USER: Final = 0x10000000
NEW_NETWORK: Final = 0x40000000
NEW_IPC: Final = 0x08000000

# Landlock: system call numbers (the same on every architecture that we run on) and bits of linux/landlock.h.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ABI_VERSION: Final = 1
PATH_BENEATH: Final = 1
WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_REGULAR, TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 8, 1 << 14
REMOVE_DIR, MAKE_DIR = 1 << 4, 1 << 7
WRITING: Final = WRITE_FILE | READ_FILE | READ_DIR | REMOVE_FILE | REMOVE_DIR | MAKE_REGULAR | MAKE_DIR | TRUNCATE
FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""ABI -> how many kinds of access it can deny"""
TCP_ABI: Final = 4
SCOPE_ABI: Final = 6
NET_RIGHTS: Final = 0b11
SCOPES: Final = 0b11


def program_folders() -> list[Path]:
    """What the child must be able to read to run at all: Python, its packages and our two rooms that it needs."""
    ours = Path(__file__).resolve().parent.parent
    python = Path(sys.executable).resolve().parent.parent
    wanted = [
        *(Path(folder) for folder in ("/lib", "/lib64", "/usr/lib", "/usr/lib64")),
        *(Path(folder) for folder in (sys.prefix, sys.base_prefix)),
        python,
        ours / "extractors",
        ours / "lastseen",
    ]
    return [folder for folder in dict.fromkeys(wanted) if folder.is_dir() and folder != Path("/")]


def bubblewrap(program: str, models: Path | None) -> list[str]:
    """The command line that everything is put behind; `models` appears where it is, and can only be read."""
    shown = [*program_folders(), *([models] if models is not None and models.is_dir() else [])]
    binds = [part for folder in shown for part in ("--ro-bind", str(folder), str(folder))]
    return [
        program,
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--hostname", "sandbox"),
        *("--dev", "/dev", "--proc", "/proc", "--size", str(WORKSPACE_BYTES), "--tmpfs", WORKSPACE_INSIDE),
        *binds,
        *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *("--remount-ro", "/", "--chdir", WORKSPACE_INSIDE, "--"),
    ]


def hold_forker(models: Path, workspace: Path, *, alone: bool) -> tuple[str, ...]:
    """In the process that forks the children, before it forks any.  Returns what holds it.

    `alone`: there is no bubblewrap around it.  It must still have one thread only.
    """
    _libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    measures = _hold_alone(models, workspace) if alone else ()
    _die_with_parent()
    return measures


def _hold_alone(models: Path, workspace: Path) -> tuple[str, ...]:
    measures = []
    own = _libc().unshare(NEW_USER | NEW_NETWORK | NEW_IPC) == 0
    if own:
        measures.append("namespaces of its own")
    if abi := _landlock([*program_folders(), models], workspace):
        measures.append(f"Landlock {abi} (no files but the one)")
    if own and _libc().capset(struct.pack("=Ii", CAPABILITY_VERSION_3, 0), NO_CAPABILITIES) == 0:
        measures.append("no capabilities")  # a new user namespace had brought all of them
    return tuple(measures)


def hold_child(
    models: Path, workspace: Path, memory_mib: int, cpu_seconds: int, most_written: int, *, namespaces: bool
) -> bool:
    """In a child just forked, before it has its file: bounds that no code in it can lift again.

    `most_written`: bytes of the largest file that it may write.  `namespaces`: the tasks of this user are counted
    apart from those outside.  Returns whether system calls are filtered.
    """
    _die_with_parent()
    limit(memory_mib, cpu_seconds, most_written)
    if namespaces:
        resource.setrlimit(resource.RLIMIT_NPROC, (MOST_TASKS, MOST_TASKS))
    _landlock([*program_folders(), models], workspace)
    return refuse_calls()


def _die_with_parent() -> None:
    """And let nobody look into this process: whoever runs as the same user could read and steer it otherwise."""
    die_with_parent()
    _libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit(memory_mib: int, cpu_seconds: int, most_written: int = WORKSPACE_BYTES) -> None:
    """Bound what this process may use."""
    mib = 1024 * 1024
    for what, most in (
        (resource.RLIMIT_DATA, memory_mib * mib),
        (resource.RLIMIT_AS, (memory_mib + PROGRAM_MIB) * mib),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, most_written),
    ):
        resource.setrlimit(what, (most, most))


def _landlock(shown: Iterable[Path], workspace: Path) -> int:
    """Let this process read `shown` and write in the workspace, no more.  Returns the ABI, 0 if there is none."""
    abi = _libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ABI_VERSION)
    if abi < 1:
        return 0
    handled = (1 << FILE_RIGHTS[min(abi, max(FILE_RIGHTS))]) - 1
    known = 3 if abi >= SCOPE_ABI else 2 if abi >= TCP_ABI else 1
    attributes = struct.pack(f"{known}Q", *(handled, NET_RIGHTS, SCOPES)[:known])
    ruleset = _libc().syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return 0
    _allow(ruleset, shown, READ_FILE | READ_DIR)
    _allow(ruleset, [workspace], WRITING & handled)
    _allow(ruleset, [Path("/dev/null"), Path("/dev/urandom"), Path("/etc/ld.so.cache")], READ_FILE)
    held = _libc().syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return int(abi) if held == 0 else 0


def _allow(ruleset: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        if not path.exists():
            continue
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights, beneath)
        _libc().syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
        os.close(beneath)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
