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

# batches
#   seq                     order of arrival, the tie-break within a second
#   id                      "batch_" and 32 hexadecimal digits
#   created_at, …_at        Unix seconds; NULL for what has not come about
#   metadata                JSON object of strings, or NULL
#   output_expires_after_s  seconds that its output files are kept
#   upstream                address where its lines are answered; NULL: by the built-in model
#   errors                  JSON array of {code, message, param, line}, or NULL
#   total                   requests in its input; NULL until they were looked at
#   completed, failed       requests that got an answer, a refusal; while it runs, a fraction of a second old
#   …_tokens                of all answers together
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
    (
        """CREATE TABLE batches (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            status TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            input_file_id TEXT NOT NULL,
            completion_window TEXT NOT NULL,
            metadata TEXT,
            output_expires_after_s INTEGER NOT NULL,
            upstream TEXT,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            in_progress_at INTEGER,
            finalizing_at INTEGER,
            completed_at INTEGER,
            failed_at INTEGER,
            expired_at INTEGER,
            cancelling_at INTEGER,
            cancelled_at INTEGER,
            model TEXT,
            errors TEXT,
            output_file_id TEXT,
            error_file_id TEXT,
            total INTEGER,
            completed INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            input_tokens INTEGER NOT NULL DEFAULT 0,
            cached_tokens INTEGER NOT NULL DEFAULT 0,
            output_tokens INTEGER NOT NULL DEFAULT 0,
            reasoning_tokens INTEGER NOT NULL DEFAULT 0
        )""",
        "CREATE INDEX batches_by_age ON batches (created_at, seq)",
    ),
    (
        """CREATE TABLE uploads (
            id TEXT NOT NULL PRIMARY KEY,
            status TEXT NOT NULL,
            filename TEXT NOT NULL,
            purpose TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            mime_type TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            file_expires_after_s INTEGER,
            file_id TEXT
        )""",
    ),
)
