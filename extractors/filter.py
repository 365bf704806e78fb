"""Which system calls a child that has its file may still make: it reads, computes and answers, and that is all.

A seccomp filter that names what is forbidden.  It cannot start processes (so nothing outlives it), signal or look
into others, open sockets, or reach the kernel's larger and younger parts.  Threads it may have.  Linux on x86-64 and
64-bit ARM; elsewhere there is no filter, and `extractors.sandbox.describe` does not name one.
"""

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass
from typing import Final

PR_SET_SECCOMP: Final = 22
SECCOMP_MODE_FILTER: Final = 2
CLONE_THREAD: Final = 0x00010000

# Classic BPF of linux/bpf_common.h, and what a filter answers (linux/seccomp.h).
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
"""in struct seccomp_data; of an argument the lower half, on little-endian machines"""
X32: Final = 0x40000000
"""numbers from here on are of another calling convention"""

# The same numbers everywhere, being younger than the architectures' parting: pidfd_send_signal, io_uring (3),
# open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, pidfd_open, pidfd_getfd, process_madvise, mount_setattr.
_YOUNG: Final = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442)
CLONE3: Final = 435


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one processor family numbers its system calls (linux/audit.h, asm/unistd.h)."""

    audit: int
    clone: int
    tgkill: int
    refused: tuple[int, ...]


def _numbers(calls: str) -> tuple[int, ...]:
    """Of `name:number` items: the names are for people."""
    return tuple(int(call.partition(":")[2]) for call in calls.split())


ARCHITECTURES: Final = {
    "x86_64": Architecture(
        audit=0xC000003E,
        clone=56,
        tgkill=234,
        refused=_numbers(
            "fork:57 vfork:58 execve:59 execveat:322 kill:62 tkill:200 setsid:112 setpgid:109 "
            "rt_sigqueueinfo:129 rt_tgsigqueueinfo:297 ptrace:101 kcmp:312 process_vm_readv:310 "
            "process_vm_writev:311 socket:41 unshare:272 setns:308 mount:165 umount2:166 bpf:321 "
            "perf_event_open:298 userfaultfd:323 add_key:248 request_key:249 keyctl:250 "
            "name_to_handle_at:303 open_by_handle_at:304"
        ),
    ),
    "aarch64": Architecture(
        audit=0xC00000B7,
        clone=220,
        tgkill=131,
        refused=_numbers(
            "execve:221 execveat:281 kill:129 tkill:130 setsid:157 setpgid:154 rt_sigqueueinfo:138 "
            "rt_tgsigqueueinfo:240 ptrace:117 kcmp:272 process_vm_readv:270 process_vm_writev:271 "
            "socket:198 unshare:97 setns:268 mount:40 umount2:39 bpf:280 perf_event_open:241 "
            "userfaultfd:282 add_key:217 request_key:218 keyctl:219 name_to_handle_at:264 "
            "open_by_handle_at:265"
        ),
    ),
}


def refuse_calls() -> bool:
    """Install the filter for this process, for good.  Returns whether that was possible.

    The process must have one thread and no_new_privs; threads that it starts later are held too.
    """
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return False
    code = b"".join(program(architecture, os.getpid()))
    held = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0) == 0)


def program(architecture: Architecture, own_pid: int) -> list[bytes]:
    """The filter, an instruction an item."""
    refuse, allow = _step(RETURN, REFUSE | errno.EPERM), _step(RETURN, ALLOW)
    numbers = [*architecture.refused, *_YOUNG]
    return [
        _step(LOAD, ARCHITECTURE_AT),
        *(_step(EQUAL, architecture.audit, 1, 0), _step(RETURN, KILL)),
        _step(LOAD, NUMBER_AT),
        *(_step(AT_LEAST, X32, 0, 1), refuse),
        # The C library falls back to `clone`, whose flags can be seen.
        *(_step(EQUAL, CLONE3, 0, 1), _step(RETURN, REFUSE | errno.ENOSYS)),
        *(_step(EQUAL, architecture.clone, 0, 4), _step(LOAD, FIRST_ARGUMENT_AT)),
        *(_step(ANY_BIT, CLONE_THREAD, 1, 0), refuse, allow),
        # abort() signals its own process.
        *(_step(EQUAL, architecture.tgkill, 0, 4), _step(LOAD, FIRST_ARGUMENT_AT)),
        *(_step(EQUAL, own_pid, 1, 0), refuse, allow),
        *(step for number in numbers for step in (_step(EQUAL, number, 0, 1), refuse)),
        allow,
    ]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; the jumps say how many of the next are left out."""
    return struct.pack("HBBI", code, if_true, if_false, value)
