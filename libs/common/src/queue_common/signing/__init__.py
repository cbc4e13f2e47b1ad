"""Signatures of requests, by the Standard Webhooks specification."""

from .settings import SigningSettings
from .signature import HEADERS, Secret, new_secret, parse_secret, signature_headers
from .store import MAX_SECRETS, SigningRecord, SigningSecrets, UnreadableSecretError

__all__ = [
    "HEADERS", "MAX_SECRETS", "Secret", "SigningRecord", "SigningSecrets", "SigningSettings",
    "UnreadableSecretError", "new_secret", "parse_secret", "signature_headers",
]  # fmt: skip
