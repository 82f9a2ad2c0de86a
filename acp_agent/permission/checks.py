"""What the table of programs cannot say of a command line that looks as if it only read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.permission.languages import only_computes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.permission.usage import Scan, Spec


def _printf(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # %n assigns to a variable, whose name may hold a command substitution.
    form = argv[found.operands[0]] if found.operands else ""
    return form if re.search(r"%[^a-zA-Z%]*[hlLjzt]*n", form) else ""


def _script(language: str) -> Callable[[Sequence[str], Scan, Spec], str]:
    def check(argv: Sequence[str], found: Scan, spec: Spec) -> str:
        scripts = list(found.values_of(spec.patterns))
        if not scripts:
            scripts = [argv[index] for index in found.operands[:1]] or ([""] if language != "jq" else ["."])
        script = "\n".join(scripts)
        return "" if only_computes(language, script) else script or argv[0]

    return check


def _date(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # Any other operand sets the clock.
    return next((argv[index] for index in found.operands if not argv[index].startswith("+")), "")


def _ps(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # Among the letters without a dash, e shows the environment of every process.
    for index in found.operands:
        if not re.fullmatch(r"[aurxwfTjlhvS]+|\d[\d,]*", argv[index]):
            return argv[index]
    return next(
        (value for name, value in found.given if name in ("-o", "-O", "--format") and "env" in value), ""
    )


_SECRET_NAME = re.compile(
    r"KEY|SECRET|TOKEN|PASS|PWD_|CRED|AUTH|COOKIE|SESSION|PRIVATE|DSN|_URL|_URI|CONN", re.I
)


def _variables(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    if not found.operands:
        return argv[0]
    return next((argv[index] for index in found.operands if _SECRET_NAME.search(argv[index])), "")


def _tar(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    letters = argv[1] if len(argv) > 1 else ""
    if not letters.startswith("-"):
        # In a word without a dash each letter takes the next word in turn; here only one takes any.
        if not re.fullmatch(r"[tvzjJ]+f?", letters):
            return letters or argv[0]
        argv = (argv[0], "-" + letters, *argv[2:])
        found = spec.scan(argv, 1)
    if not found.has(("-t", "--list")):
        return argv[0]
    # host:file is fetched through another program.
    return found.refused or next((each for each in found.values_of(("-f", "--file")) if ":" in each), "")


def _git_format(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # %G… and %(signature…) have the signature checked by another program.
    values = found.values_of(("--format", "--pretty", "--sort"))
    return next((value for value in values if re.search(r"%[-+ ]?G|signature", value)), "")


_GIT_SETTING = re.compile(
    r"(?:user|author|committer|core|init|pull|push|fetch|merge|rebase|commit|tag|diff|log|color|status|branch"
    r"|gpg|rerere|submodule|help|advice|alias|include|column|format|safe|extensions)\.[\w.*/-]+"
    r"|remote\.[\w./-]+\.(?:url|fetch|pushurl)|remote\.pushdefault",
    re.I,
)


def _git_config(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # Others may hold passwords and tokens: http.extraheader, sendemail.smtppass, credential.*
    named = [argv[index] for index in found.operands]
    if len(named) != 1:
        return named[1] if len(named) > 1 else argv[-1]
    return "" if _GIT_SETTING.fullmatch(named[0]) else named[0]


def _git_remote(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # Without -n it asks the remote.
    return "" if found.has(("-n",)) else argv[found.operands[0]] if found.operands else ""


def _kubectl(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    for index in found.operands:
        if "secret" in argv[index].casefold() or argv[index].startswith("cm/"):
            return argv[index]
    outputs = found.values_of(("-o", "--output"))
    return next((value for value in outputs if "file" in value), "")


def _go_env(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # The addresses of proxies may hold passwords.
    names = [argv[index] for index in found.operands]
    return next((name for name in names if "PROXY" in name or "AUTH" in name), "" if names else argv[-1])


def _no_archives(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # They would be unpacked by other programs.
    packed = re.compile(r".*\.(?:tar|t?gz|tgz|zip|bz2|xz|rpm|deb|whl|ear|war|jar|Z)", re.I)
    return next((argv[index] for index in found.operands if packed.fullmatch(argv[index])), "")


def _no_lists(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # @file stands for the options in that file.
    return next((word for word in argv[1:] if word.startswith("@")), "")


def _no_hosts(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    # The name of a host is looked up, which tells a name server what is in it.
    return next((word for word in argv[1:] if "@" in word), "")


def _shows_addresses(argv: Sequence[str], found: Scan, spec: Spec) -> str:
    verbs = [argv[index] for index in found.operands[:1]]
    return "" if not verbs or verbs[0] in ("show", "list", "ls", "sh", "lst") else verbs[0]


# Given the words, how they were read, and the entry: the word because of which it may do more, or nothing.
CHECKS: dict[str, Callable[[Sequence[str], Scan, Spec], str]] = {
    "printf": _printf,
    "sed": _script("sed"),
    "awk": _script("awk"),
    "jq": _script("jq"),
    "yq": _script("yq"),
    "date": _date,
    "ps": _ps,
    "variables": _variables,
    "tar": _tar,
    "git-format": _git_format,
    "git-config": _git_config,
    "git-remote": _git_remote,
    "kubectl": _kubectl,
    "go-env": _go_env,
    "no-archives": _no_archives,
    "no-lists": _no_lists,
    "no-hosts": _no_hosts,
    "ip": _shows_addresses,
}
