"""Who may: keys, scopes, and the check that each request passes before its body is read."""

from .authenticator import Authenticator
from .principal import Principal, Scope
from .require import IsAdmin, MayEnqueue, MayManage, MayRead, principal_of

__all__ = [
    "Authenticator",
    "IsAdmin",
    "MayEnqueue",
    "MayManage",
    "MayRead",
    "Principal",
    "Scope",
    "principal_of",
]
