"""The system's keyring, by the library of that name, which is an extra: acp-agent[keyring]."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from acp_agent.errors import AuthRequired

if TYPE_CHECKING:
    from collections.abc import Generator

    from acp_agent.accounts.renewing import KeepInKeyring
    from acp_agent.models.keys import Keyring

ELSEWHERE = 'Put the key into a file of yours alone (chmod 600) and write "file:~/path", or into a variable.'


def password(service: str, user: str) -> str | None:
    """models.keys.Keyring. The library looks for a store when it is imported."""
    with _trouble(f"did not give the key for {service!r}"):
        import keyring

        return keyring.get_password(service, user)


def keep(service: str, user: str, secret: str | None) -> None:
    """accounts.renewing.KeepInKeyring."""
    from contextlib import suppress

    with _trouble(f"did not change the key for {service!r}"):
        import keyring
        from keyring.errors import PasswordDeleteError

        if secret is not None:
            keyring.set_password(service, user, secret)
        else:
            with suppress(PasswordDeleteError):  # it is not there
                keyring.delete_password(service, user)


@contextmanager
def _trouble(what: str) -> Generator[None]:
    """Raises AuthRequired, saying what to do, for what the library does not manage."""
    try:
        from keyring.errors import KeyringError, NoKeyringError
    except ImportError:
        raise AuthRequired(f"The keyring needs a package: install acp-agent[keyring]. {ELSEWHERE}") from None
    try:
        yield
    except NoKeyringError:
        raise AuthRequired(
            f"There is no keyring on this machine, or none that is running. {ELSEWHERE}"
        ) from None
    except KeyringError as error:
        raise AuthRequired(f"The keyring {what}: {error}. {ELSEWHERE}") from error


if TYPE_CHECKING:
    conforms: Keyring = password
    keeps: KeepInKeyring = keep
