"""What the kernel gives to hold a child that opens hostile bytes.

Bubblewrap is the strong way: a file system of its own with nothing but the one file and the program, and no network.
Where it is missing the child holds itself, before it has read a byte of the file: Landlock for the file system,
empty user and network namespaces where they are permitted.  Limits and no_new_privs apply always.  Linux only.

Not covered: the kernel's own system calls (no seccomp filter yet), and timing.
"""

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FILE_INSIDE: Final = "/in/file"
WORKSPACE_INSIDE: Final = "/tmp"  # noqa: S108  # a tmpfs of the child's own
WORKSPACE_BYTES: Final = 256 * 1024 * 1024
OPEN_FILES: Final = 64
CPU_OF_DEADLINE: Final = 2
"""cores times seconds: a child that spins on two cores for its whole deadline is at its end anyway"""

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


def bubblewrap(program: str, file: Path | None) -> list[str]:
    """The command line that everything is put behind; the file appears as `FILE_INSIDE`."""
    binds = [part for folder in program_folders() for part in ("--ro-bind", str(folder), str(folder))]
    if file is not None:
        binds += ["--ro-bind", str(file), FILE_INSIDE]
    return [
        program,
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--hostname", "sandbox"),
        *("--dev", "/dev", "--size", str(WORKSPACE_BYTES), "--tmpfs", WORKSPACE_INSIDE),
        *binds,
        *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *("--remount-ro", "/", "--chdir", WORKSPACE_INSIDE, "--"),
    ]


def limit(memory_mib: int, deadline_seconds: float) -> None:
    """In the child: bounds that no code in it can lift again."""
    cpu = int(deadline_seconds * CPU_OF_DEADLINE) + 1
    memory = memory_mib * 1024 * 1024
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, WORKSPACE_BYTES),
    ):
        resource.setrlimit(what, (most, most))
    _libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def hold_self(file: Path | None, workspace: Path) -> tuple[str, ...]:
    """In a child without bubblewrap, after `limit`: take away what the kernel lets us take away, and say what it was.

    The process must still have one thread only.
    """
    measures = []
    own = _libc().unshare(NEW_USER | NEW_NETWORK | NEW_IPC) == 0
    if own:
        measures.append("namespaces of its own")
    if abi := _landlock(file, workspace):
        measures.append(f"Landlock {abi} (no files but the one)")
    if own and _libc().capset(struct.pack("=Ii", CAPABILITY_VERSION_3, 0), NO_CAPABILITIES) == 0:
        measures.append("no capabilities")  # a new user namespace had brought all of them
    return tuple(measures)


def _landlock(file: Path | None, workspace: Path) -> int:
    """Restrict this process to the program, the file and the workspace.  Returns the ABI, 0 if there is none."""
    abi = _libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ABI_VERSION)
    if abi < 1:
        return 0
    handled = (1 << FILE_RIGHTS[min(abi, max(FILE_RIGHTS))]) - 1
    known = 3 if abi >= SCOPE_ABI else 2 if abi >= TCP_ABI else 1
    attributes = struct.pack(f"{known}Q", *(handled, NET_RIGHTS, SCOPES)[:known])
    ruleset = _libc().syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return 0
    _allow(ruleset, program_folders(), READ_FILE | READ_DIR)
    _allow(ruleset, [workspace], (WRITE_FILE | READ_FILE | READ_DIR | REMOVE_FILE | MAKE_REGULAR | TRUNCATE) & handled)
    _allow(ruleset, [Path("/dev/null"), Path("/dev/urandom"), Path("/etc/ld.so.cache")], READ_FILE)
    if file is not None:
        _allow(ruleset, [file], READ_FILE)
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
