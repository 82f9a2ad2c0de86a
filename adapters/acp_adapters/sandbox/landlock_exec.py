"""Confines itself with Landlock and becomes the command; run by path with `-I -S -E`.

    landlock_exec.py off|on RULE… -- WORD…

`off` cuts TCP. A rule is `r` (read and run), `w` (write too) or `l` (list names), and a path. Whatever
goes wrong, the command is not run. Imports next to nothing: this is paid with every command.
"""

import ctypes
import os
import struct
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The same on every architecture but alpha, which adds to them."""
VERSION_FLAG = 1
PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38
PR_CAPBSET_DROP = 24
LAST_CAPABILITY = 63
CAPABILITIES_VERSION = 0x20080522
REFUSED = 125

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
BY_ABI = {1: (1 << 13) - 1, 2: 1 << 13, 3: TRUNCATE, 5: IOCTL_DEV}
"""Rights over files, by the version of Landlock that first knows them."""
MAKE_DEVICES = 1 << 6 | 1 << 11
TCP = 1 << 0 | 1 << 1
TCP_SINCE = 4
SCOPES = 1 << 0 | 1 << 1
"""Abstract sockets and signals."""
SCOPES_SINCE = 6

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def confine(network: str, rules: list[str]) -> None:
    version = checked(libc.syscall(CREATE_RULESET, None, 0, VERSION_FLAG), "the kernel has no Landlock")
    handled = 0
    for since, rights in BY_ABI.items():
        handled |= rights if since <= version else 0
    if network == "off" and version < TCP_SINCE:
        raise OSError(f"the Landlock of this kernel (version {version}) cannot cut the network")
    attributes = struct.pack(
        "=QQQ", handled, TCP if network == "off" else 0, SCOPES if version >= SCOPES_SINCE else 0
    )
    size = 24 if version >= SCOPES_SINCE else 16 if version >= TCP_SINCE else 8
    ruleset = checked(libc.syscall(CREATE_RULESET, attributes, size, 0), "a ruleset was refused")
    read = EXECUTE | READ_FILE | READ_DIR
    kinds = {"r": read, "w": handled & ~MAKE_DEVICES, "l": READ_DIR}
    for rule in rules:
        add(ruleset, rule[1:], kinds[rule[0]])
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs was refused")
    give_up_capabilities()
    checked(libc.syscall(RESTRICT_SELF, ruleset, 0), "the restriction was refused")
    os.close(ruleset)


def give_up_capabilities() -> None:
    """The superuser's reach around the walls, into the memory of other processes for one."""
    if os.geteuid() != 0:
        return
    for number in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # those that the kernel does not know are refused
    head = struct.pack("=Ii", CAPABILITIES_VERSION, 0)
    checked(libc.capset(head, struct.pack("=6I", *[0] * 6)), "giving up capabilities was refused")


def add(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is gone, so there is nothing to allow
    if os.stat(fd).st_mode & 0o170000 != 0o040000:
        rights &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
    try:
        rule = struct.pack("=Qi", rights, fd)
        checked(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0), f"{path} was refused")
    finally:
        os.close(fd)


def main() -> None:
    at = sys.argv.index("--")
    words = sys.argv[at + 1 :]
    try:
        confine(sys.argv[1], sys.argv[2:at])
    except OSError as error:
        sys.stderr.write(f"Not run: {error.strerror or error}\n")
        sys.exit(REFUSED)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
