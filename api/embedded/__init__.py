"""PostgreSQL as a child of this program, for trying out, tests and small pilots: nothing to install, no port.

Only the standard library is imported here, so that PostgreSQL starts while the rest is still loading.
"""

from api.embedded.folder import EmbeddedError, Urls, erase, is_ours, join, prepare, superuser_url, urls
from api.embedded.supervisor import Embedded

__all__ = [
    "Embedded",
    "EmbeddedError",
    "Urls",
    "erase",
    "is_ours",
    "join",
    "prepare",
    "superuser_url",
    "urls",
]
