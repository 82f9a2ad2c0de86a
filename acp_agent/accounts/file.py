"""The file of accounts: read whole, changed under a lock, replaced whole; what it does not know stays."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from acp_agent.accounts.account import SECRETS, Account, fields_of, read_account
from acp_agent.config import paths
from acp_agent.config.reading import as_object
from acp_agent.errors import AuthRequired, ToolError
from acp_agent.workspace.locking import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from acp_agent.config.reading import JsonObject

T = TypeVar("T")
FILE_VARIABLE = "ACP_AGENT_AUTH_FILE"
FILE = "auth.json"
VERSION = 1
MOST_BYTES = 4 << 20
LOCK_LIMIT_S = 30.0
"""How long another process may hold the file; longer than renewing a token may take."""

_Mark = tuple[int, int, int, int]


class Held(NamedTuple):
    """The accounts at one provider."""

    active: str | None
    """The name of the one that is used; None when none of several was chosen."""
    accounts: Mapping[str, Account]


NOBODY: Mapping[str, Held] = {}


def auth_path(env: Mapping[str, str]) -> Path:
    """`$ACP_AGENT_AUTH_FILE`, else `auth.json` in the folder of the settings."""
    if chosen := env.get(FILE_VARIABLE):
        return paths.user_path(chosen, paths.working_dir(env), env)
    return paths.config_dir(env) / FILE


class AuthFile:
    """Methods raise AuthRequired for a file that cannot be used; it is left as it is."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self._read_at: _Mark | None = None
        self._held: Mapping[str, Held] = NOBODY

    def held(self) -> Mapping[str, Held]:
        """All accounts by provider; read again when the file has changed."""
        mark = self.mark()
        if mark != self._read_at:
            self._held = self._parsed(self._data()) if mark else NOBODY
            self._read_at = mark
        return self._held

    def mark(self) -> _Mark | None:
        """What changes when the file does; None without one."""
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refusal(f"cannot be looked at: {error.strerror}.") from error
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size

    @property
    def lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def prepare(self) -> None:
        """Makes the folder, for this user alone. Raises AuthRequired."""
        try:
            folder = paths.ensure_private_dir(self.path.parent)
            if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise AuthRequired(
                    f"Others can write to {folder}, so no accounts are kept there. Run: chmod 700 {folder}"
                )
        except OSError as error:
            raise AuthRequired(
                f"Accounts cannot be kept in {self.path.parent}: {error.strerror or error}. "
                f"Make it a folder of yours, or set {FILE_VARIABLE} (docs/accounts.md)."
            ) from error

    def change(self, edit: Callable[[JsonObject], T], *, have_lock: bool = False) -> T:
        """What `edit` makes of the providers of the file is written; its result.

        Waits for LOCK_LIMIT_S at most unless the caller has the lock. Raises AgentError.
        """
        if have_lock:
            return self._changed(edit)
        self.prepare()
        try:
            with alone(self.lock_path, self.path, LOCK_LIMIT_S):
                return self._changed(edit)
        except OSError as error:
            raise self._refusal(f"cannot be changed: {error.strerror or error}.") from error

    def _changed(self, edit: Callable[[JsonObject], T]) -> T:
        from acp_agent.workspace.files import write_bytes

        data = self._data() if self.mark() else {}
        self._parsed(data)  # what cannot be read is not written over
        providers = as_object(data.get("providers")) or {}
        result = edit(providers)
        written = {**data, "version": VERSION, "providers": providers}
        text = json.dumps(written, indent=1) + "\n"
        try:
            write_bytes(self.path, text.encode(), mode=0o600)
        except ToolError as error:
            raise AuthRequired(f"{error} (docs/accounts.md)") from error
        return result

    # Reading ------------------------------------------------------------------------------

    def _data(self) -> JsonObject:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(fd, "rb") as file:
                self._require_private(os.fstat(fd))
                text = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise self._refusal(f"cannot be read: {error.strerror}.") from error
        if len(text) > MOST_BYTES:
            raise self._refusal("is too large to be one of ours.")
        try:
            data = as_object(json.loads(text.decode()))
        except (ValueError, RecursionError) as error:
            where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise self._refusal(f"is not JSON{where}. Mend it, or move it away to begin anew.") from None
        if data is None:
            raise self._refusal("holds no JSON object. Mend it, or move it away to begin anew.")
        return data

    def _require_private(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self._refusal("is not a regular file.")
        if status.st_uid not in (os.getuid(), 0):
            raise self._refusal("belongs to another user. Make one of your own.")
        if status.st_mode & 0o077:
            raise self._refusal(f"can be read or written by others. Run: chmod 600 {self.path}")

    def _parsed(self, data: JsonObject) -> Mapping[str, Held]:
        version = data.get("version", VERSION)
        if not isinstance(version, int) or isinstance(version, bool) or version > VERSION:
            raise self._refusal(f"is of version {version!r}, which this acp-agent does not know. Update it.")
        if "providers" in data and as_object(data["providers"]) is None:
            raise self._refusal("has no object under providers. Mend it.")
        found = (as_object(data.get("providers")) or {}).items()
        return {provider: self._parsed_provider(provider, value) for provider, value in found}

    def _parsed_provider(self, provider: str, value: object) -> Held:
        fields = as_object(value)
        entries = as_object((fields or {}).get("accounts", {}))
        if fields is None or entries is None:
            raise self._refusal(f"has no object of accounts under providers.{provider}. Mend it.")
        accounts: dict[str, Account] = {}
        for name, entry in entries.items():
            content = as_object(entry)
            account = "is no object" if content is None else read_account(provider, name, content)
            if isinstance(account, str):
                raise self._refusal(f"cannot be used: account {name} of {provider} {account}. Mend it.")
            accounts[name] = account
        active = fields.get("active_account")
        if isinstance(active, str) and active in accounts:
            return Held(active, accounts)
        only = next(iter(accounts)) if len(accounts) == 1 and active is None else None
        return Held(only, accounts)

    def _refusal(self, what: str) -> AuthRequired:
        return AuthRequired(f"The file of accounts {self.path} {what} (docs/accounts.md)")


# Changes -------------------------------------------------------------------------------------------


def put(providers: JsonObject, account: Account) -> None:
    """Adds the account, or puts it in the place of one of that name, and makes it the active one.

    What else stands in the old one stays.
    """
    provider, accounts = _entries(providers, account.provider)
    old = as_object(accounts.get(account.name)) or {}
    forgotten = (*SECRETS, *Account._fields)
    kept = {key: value for key, value in old.items() if key not in forgotten or key == "label"}
    accounts[account.name] = {**kept, **fields_of(account)}
    provider["active_account"] = account.name


def refresh(providers: JsonObject, account: Account) -> None:
    """New tokens of an account that is there; nothing if it has been removed meanwhile."""
    accounts = as_object((as_object(providers.get(account.provider)) or {}).get("accounts")) or {}
    old = as_object(accounts.get(account.name))
    if old is not None:
        old.pop("expires_at", None)
        accounts[account.name] = {**old, **fields_of(account)}


def remove(providers: JsonObject, provider: str, names: Sequence[str]) -> str | None:
    """Takes accounts away; the one that is active afterwards."""
    fields, accounts = _entries(providers, provider)
    for name in names:
        accounts.pop(name, None)
    if not accounts:
        fields["active_account"] = None
    elif fields.get("active_account") not in accounts:
        fields["active_account"] = next(iter(accounts))
    active = fields["active_account"]
    if not accounts and set(fields) <= {"accounts", "active_account"}:
        del providers[provider]
    return active if isinstance(active, str) else None


def activate(providers: JsonObject, provider: str, name: str) -> None:
    """The account is the one that is used. Raises AuthRequired when it is not there."""
    fields, accounts = _entries(providers, provider)
    if name not in accounts:
        raise AuthRequired(not_there(provider, name, list(accounts)))
    fields["active_account"] = name


def not_there(provider: str, name: str, others: Sequence[str]) -> str:
    known = f"There are: {', '.join(others)}. " if others else ""
    return (
        f"There is no account {name} of {provider}. {known}"
        f"`acp-agent auth login {provider} --account {name}` makes it (docs/accounts.md)."
    )


def _entries(providers: JsonObject, provider: str) -> tuple[JsonObject, JsonObject]:
    """What the file says of a provider, and of its accounts; made where it says nothing."""
    fields = as_object(providers.get(provider)) or {}
    accounts = as_object(fields.get("accounts")) or {}
    providers[provider] = fields
    fields["accounts"] = accounts
    return fields, accounts
