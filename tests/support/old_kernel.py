"""Becomes a command for which the kernel has no Landlock, and makes no namespaces: `old_kernel.py WORD…`.

A filter of system calls, which nobody who has it can take off again.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

LANDLOCK_CREATE_RULESET = 444
MOUNT = {"x86_64": 165, "aarch64": 40}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2


def refuse(*numbers: int) -> None:
    """From now on these calls fail as if the kernel did not know them."""
    steps = [(LOAD, 0, 0, 0)]
    for number in numbers:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]
    steps.append((RETURN, 0, 0, ALLOW))
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    for result in (
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(head), 0, 0),
    ):
        assert result == 0, os.strerror(ctypes.get_errno())


if __name__ == "__main__":
    refuse(LANDLOCK_CREATE_RULESET, MOUNT[os.uname().machine])
    os.execvp(sys.argv[1], sys.argv[1:])
