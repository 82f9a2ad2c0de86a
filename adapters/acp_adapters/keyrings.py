"""The system's keyring, by the library of that name, which is an extra: acp-agent[keyring]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.errors import AuthRequired

if TYPE_CHECKING:
    from acp_agent.models.keys import Keyring

ELSEWHERE = 'Put the key into a file of yours alone (chmod 600) and write "file:~/path", or into a variable.'


def password(service: str, user: str) -> str | None:
    """models.keys.Keyring. The library looks for a store when it is imported."""
    try:
        import keyring
        from keyring.errors import KeyringError, NoKeyringError
    except ImportError:
        raise AuthRequired(f"The keyring needs a package: install acp-agent[keyring]. {ELSEWHERE}") from None
    try:
        return keyring.get_password(service, user)
    except NoKeyringError:
        raise AuthRequired(
            f"There is no keyring on this machine, or none that is running. {ELSEWHERE}"
        ) from None
    except KeyringError as error:
        raise AuthRequired(
            f"The keyring did not give the key for {service!r}: {error}. {ELSEWHERE}"
        ) from error


if TYPE_CHECKING:
    conforms: Keyring = password
