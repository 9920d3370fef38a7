"""Texts of the configuration as they lie in a database that more people may read than may see keys.

They are sealed with a secret that all machines have (AES-GCM; its key by scrypt, RFC 7914), each for its own revision.
"""

import base64
import binascii
import hashlib
import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.settings import Settings

MARK: Final = "sealed:1:"
SETTING: Final = "CCX_CONFIG_SECRET"
COST: Final = {"n": 1 << 14, "r": 8, "p": 1}
NONCE: Final = 12


class Seal:
    """``secrets``: the first one seals, each of them opens. Without any, texts stay as they are."""

    def __init__(self, *secrets: str) -> None:
        keys = [hashlib.scrypt(secret.encode(), salt=b"ccx configuration", dklen=32, **COST) for secret in secrets]
        self.keys = {hashlib.blake2b(key, digest_size=4).hexdigest(): AESGCM(key) for key in keys}
        self.mark = f"{MARK}{next(iter(self.keys))}:" if keys else ""
        """How texts begin that are sealed with the first one."""

    def closed(self, text: str, revision: str) -> str:
        if not self.mark:
            return text
        nonce = os.urandom(NONCE)
        (cipher, *_) = self.keys.values()
        return self.mark + base64.b64encode(nonce + cipher.encrypt(nonce, text.encode(), revision.encode())).decode()

    def opened(self, text: str, revision: str) -> str:
        """Raises ConfigErrors where this machine has not the secret."""
        if not is_sealed(text):
            return text
        name, _, body = text.removeprefix(MARK).partition(":")
        if name not in self.keys:
            words = "is another one than that of the machine which sealed it" if self.keys else "is not set here"
            raise ConfigErrors([Problem(SETTING, f"{words}: the configuration in the database cannot be read")])
        try:
            data = base64.b64decode(body, validate=True)
            return self.keys[name].decrypt(data[:NONCE], data[NONCE:], revision.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise ConfigErrors(
                [Problem("", f"version {revision} was changed in the database by somebody else")]
            ) from None


def is_sealed(text: str) -> bool:
    return text.startswith(MARK)


PLAIN: Final = Seal()


def seal_of(settings: Settings) -> Seal:
    return _seal(settings.config_secrets())


@lru_cache(4)
def _seal(secrets: tuple[str, ...]) -> Seal:
    """Its keys are made slowly on purpose."""
    return Seal(*secrets)
