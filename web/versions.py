"""Versions as texts, for ETags and events: they change with what they are of, and with the process that made them."""

import hashlib
import secrets

from web.site import Site


class Versions:
    """Makes them. Numbers begin anew with each process, which is why a version begins with something of its own."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)

    def of(self, site: Site, *what: str) -> str:
        """The version of a site, or of what is asked of it."""
        parts = (repr(site.version()), *what)
        digest = hashlib.sha256(self._salt)
        for part in parts:
            data = part.encode(errors="replace")
            digest.update(len(data).to_bytes(8) + data)
        return digest.hexdigest()[:32]
