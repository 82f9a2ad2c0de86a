"""Where the key of a model service comes from: command line, settings, environment or an account."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.errors import AuthRequired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from acp_agent.config.schema import ProviderEntry
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Failed

FILE = "file:"
KEYRING = "keyring:"
LARGEST_FILE = 64 << 10
"""Bytes. What is larger is no file for a key."""
KEY_VARIABLE = "ACP_AGENT_API_KEY"
"""Holds the key of the provider in use; what the command line says of a key is put there."""
FROM_COMMAND_LINE = f"${{{KEY_VARIABLE}}}"
NO_KEY = "none"
"""The source of a key that there is not."""


class Key(NamedTuple):
    """A key, or that there is none. The key is not in its repr."""

    value: str | None
    source: str
    """Where it came from, for a person; never the key itself."""

    def __repr__(self) -> str:
        return f"Key({'…' if self.value else None}, {self.source!r})"


class Keys(Protocol):
    """The keys by which one provider can be asked. Each request takes one, and says what came of it."""

    async def take(self) -> Key:
        """The key for the next request. May renew it first. Raises AuthRequired saying what to do."""
        ...

    def report(self, key: Key, failed: Failed | None) -> None:
        """What came of a request with `key`; None is that it was answered."""
        ...

    @property
    def spare(self) -> bool:
        """Whether `take` would give another key than the one that was reported last, one that may work."""
        ...


class OneKey:
    """Keys, where there is but one."""

    spare = False

    def __init__(self, key: Key) -> None:
        self._key = key

    async def take(self) -> Key:
        return self._key

    def report(self, key: Key, failed: Failed | None) -> None:
        pass


class Keyring(Protocol):
    """The system's store of passwords."""

    def __call__(self, service: str, user: str, /) -> str | None:
        """None when it has none by that name. Raises AuthRequired saying what to do when there is no store.

        May take long: a person may have to unlock it.
        """
        ...


class Accounts(Protocol):
    """What a person has stored with `acp-agent auth`."""

    def providers(self) -> Sequence[str]:
        """Those that an account can be used of, under the names they are stored by. Raises AuthRequired."""
        ...

    def key(self, alias: str, entry: ProviderEntry, /) -> Key | None:
        """That of the account that `entry` names, else of the active one; None when there is none.

        Raises AuthRequired saying what to do for a store or an account that cannot be used.
        """
        ...


class Sources(NamedTuple):
    """Where keys can come from, beside the settings."""

    env: Mapping[str, str]
    keyring: Keyring | None = None
    accounts: Accounts | None = None


def key_of(
    alias: str, entry: ProviderEntry, variables: Sequence[str], sources: Sources, *, needed: bool
) -> Key:
    """The key of a provider. The first that there is of:

    1. `api_key` of its entry, which the command line beats, and `api_keys`;
    2. the variable that the entry names;
    3. the account that it names, or accounts, if it says how one of several is chosen;
    4. the first of `variables` that is set, unless the entry names one;
    5. the active account of `acp-agent auth`.

    Raises AuthRequired for one that is `needed` and not there, and for one that is named and not there.
    """
    for text, place in texts_of(alias, entry):
        return given(text, place, sources.env, sources.keyring)
    named, others = ((entry.api_key_env,), ()) if entry.api_key_env else ((), variables)
    stored = sources.accounts
    if key := _in_environment(named, sources.env):
        return key
    chosen = bool(entry.account or entry.pool)
    if chosen and stored and (key := stored.key(alias, entry)):
        return key
    if key := _in_environment(others, sources.env):
        return key
    if not named and not chosen and stored and (key := stored.key(alias, entry)):
        return key
    if named or needed:
        raise AuthRequired(_missing(alias, entry, variables))
    return Key(None, NO_KEY)


def texts_of(alias: str, entry: ProviderEntry) -> Iterator[tuple[str, str]]:
    """What an entry says of keys itself, best first, each with the name of its place for a person."""
    if entry.api_key == FROM_COMMAND_LINE:
        yield FROM_COMMAND_LINE, f"the command line or ${KEY_VARIABLE}"
    elif entry.api_key:
        yield entry.api_key, f"providers.{alias}.api_key"
    for number, text in enumerate(entry.api_keys):
        yield text, f"providers.{alias}.api_keys[{number}]"


def _in_environment(variables: Sequence[str], env: Mapping[str, str]) -> Key | None:
    found = next(((name, env[name]) for name in variables if env.get(name)), None)
    return usable(found[1], f"${found[0]}") if found else None


def _missing(alias: str, entry: ProviderEntry, variables: Sequence[str]) -> str:
    variables = (entry.api_key_env,) if entry.api_key_env else variables
    ways = [
        f"run `acp-agent auth login {alias}` in a terminal",
        f"set providers.{alias}.api_key in the settings (docs/accounts.md)",
    ]
    if variables:
        names = " or ".join(variables)
        ways.insert(0, f"set {names} in the environment that the editor starts acp-agent with")
    said = ", or ".join(ways)
    return f"There is no key for {alias!r}. {said[0].upper()}{said[1:]}."


def reached_by(route: Route) -> str:
    """For a person, where requests of `route` go and who pays: `api.openai.com, key from $OPENAI_API_KEY`."""
    from urllib.parse import urlsplit

    where = urlsplit(route.base_url).netloc.rpartition("@")[2] or "a script"
    return f"{where}, {'no key' if route.key.value is None else f'key from {route.key.source}'}"


def given(text: str, place: str, env: Mapping[str, str], keyring: Keyring | None) -> Key:
    """The key that a setting, named by `place`, stands for.

    Raises AuthRequired, or ConfigError for a variable that is not set.
    """
    if text.startswith(FILE):
        path = text.removeprefix(FILE)
        return usable(_of_file(path, place, env), path)
    if text.startswith(KEYRING):
        return usable(_of_keyring(text, place, keyring), text)
    from acp_agent.config.variables import expand

    return usable(expand(text, env), place)


def usable(value: str, source: str) -> Key:
    """A pasted key often brings a line break along; nothing else that HTTP refuses may be in it."""
    key = value.strip()
    if not key.isascii() or not key.isprintable():
        raise AuthRequired(f"The key from {source} holds characters that no key has. Set it again.")
    return Key(key, source)


def _of_file(text: str, place: str, env: Mapping[str, str]) -> str:
    """A file of the person's alone: what others can read is no secret any more."""
    from acp_agent.config.paths import home_dir, user_path

    if not text.startswith(("/", "~/")):
        raise AuthRequired(
            f"{place} names the file {text!r}; write its whole path, or one that begins with ~/."
        )
    path = user_path(text, home_dir(env), env)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
                raise AuthRequired(f"{place} names {path}, which is no file that holds a key.")
            _require_private(path, status)
            value = file.read(LARGEST_FILE).decode("utf-8", "replace").strip()
    except OSError as error:
        raise AuthRequired(f"{place} names {path}, which cannot be read: {error.strerror}.") from error
    if not value:
        raise AuthRequired(f"{place} names {path}, which is empty. Write the key into it.")
    return value


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _require_private(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.getuid(), 0):
        raise AuthRequired(
            f"{path} belongs to another user, so its key is not used. Make a file of your own."
        )
    if status.st_mode & 0o077:
        raise AuthRequired(f"{path} can be read by others, so its key is not used. Run: chmod 600 {path}")


def _of_keyring(text: str, place: str, keyring: Keyring | None) -> str:
    service, _, user = text.removeprefix(KEYRING).partition("/")
    if not service or not user:
        raise AuthRequired(f'{place} is not complete: write "keyring:SERVICE/USER".')
    if keyring is None:
        raise AuthRequired(f"{place} needs a keyring, which cannot be used here.")
    value = keyring(service, user)
    if not value:
        raise AuthRequired(
            f"The keyring has no key of {user!r} for {service!r}. Put it in: keyring set {service} {user}"
        )
    return value


def is_elsewhere(text: str) -> bool:
    """Whether a setting only says where the key is, and so holds no secret."""
    from acp_agent.config.variables import is_reference

    return is_reference(text) or text.startswith((FILE, KEYRING))
