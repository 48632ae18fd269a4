"""
What the store's database holds, version by version.
"""

from __future__ import annotations

from typing import Final

# files
#   seq         order of arrival, the tie-break within a second
#   id          "file-" and 24 letters and digits; also the name of the blob
#   bytes       size of the blob
#   sha256      of the blob, in hexadecimal
#   created_at  Unix seconds
#   expires_at  Unix seconds from which on it is gone; NULL: kept until deleted
MIGRATIONS: Final = (
    (
        """CREATE TABLE files (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            filename TEXT NOT NULL,
            purpose TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER
        )""",
        "CREATE INDEX files_by_age ON files (created_at, seq)",
        "CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL",
    ),
)
