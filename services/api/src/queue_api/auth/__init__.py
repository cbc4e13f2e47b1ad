"""Keys, scopes, and the check of each request before its body is read."""

from .authenticator import Authenticator
from .principal import Principal, Scope
from .require import (
    IsAdmin,
    MayEnqueue,
    MayListen,
    MayManage,
    MayPreview,
    MayRead,
    MayReadOne,
    principal_of,
)

__all__ = [
    "Authenticator",
    "IsAdmin",
    "MayEnqueue",
    "MayListen",
    "MayManage",
    "MayPreview",
    "MayRead",
    "MayReadOne",
    "Principal",
    "Scope",
    "principal_of",
]
