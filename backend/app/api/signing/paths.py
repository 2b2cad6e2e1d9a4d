"""Where signing in may lead: to pages of this installation that are on the list, and nowhere else."""

import re
from urllib.parse import urlencode

HOME = "/account"
_LOCAL = re.compile(
    r"/(?:account|console|oauth/authorize)(?:/[A-Za-z0-9_-]+)*/?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?"
)
"""Whole paths of plain segments, so that nothing in one climbs out or names another host."""
_LONGEST = 2000


def local_path(wanted: str | None) -> str:
    """The wanted path if it is one of ours, else the account's."""
    if wanted is None or len(wanted) > _LONGEST or not _LOCAL.fullmatch(wanted):
        return HOME
    return wanted


def sign_in_path(return_to: str, *, language: str | None = None) -> str:
    """Where somebody signs in who then wants to go on."""
    query = {"return_to": return_to} | ({"lang": language} if language else {})
    return f"/signin?{urlencode(query)}"
