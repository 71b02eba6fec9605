"""Sealing of secrets at rest: AES-256-GCM (NIST SP 800-38D), bound to the row they belong to."""

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from movoice_box.errors import SettingsError

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """Seals and opens secrets. A sealed secret opens only for the `place` it was sealed for."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_files(cls, data_dir: Path) -> "Seal":
        """Take the key from systemd's credentials, else from `data_dir`, made at first use.

        Raises `SettingsError` when a key file is there but is not 32 bytes.
        """
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        file = data_dir / "secret.key"
        if credentials and (credential := Path(credentials) / "movoice-box.key").exists():
            file = credential
        elif not file.exists():
            _write_new_key(file)
        key = file.read_bytes()
        if len(key) != _KEY_BYTES:
            raise SettingsError(f"{file} must hold {_KEY_BYTES} random bytes, it has {len(key)}")
        return cls(key)

    def close(self, secret: str, place: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """Raises `SettingsError` when the key is not the one it was sealed with."""
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, text, place.encode()).decode()
        except (InvalidTag, ValueError):  # too short to be one
            raise SettingsError(
                f"the secret of {place} was sealed with another key: restore secret.key, "
                "or enter the secret again"
            ) from None


def _write_new_key(file: Path) -> None:
    """Whole or not at all, and never over one that another process has just made."""
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink()
