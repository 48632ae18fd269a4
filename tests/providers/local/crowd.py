"""
Uploads, lists and deletes, one of many at the same time; prints the ids that must be left; run as a program.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.files import Store


def main(home: str, who: str, count: str) -> None:
    """
    Upload *count* files and delete every other one.
    """
    store = Store(Path(home))
    service = FilesService(store=store)
    for number in range(int(count)):
        content = f'{{"who": {who}, "number": {number}}}\n'.encode() * 200
        created = service.create({"purpose": "batch"}, f"{who}-{number}.jsonl", [content[:1000], content[1000:]])
        assert created.status == 200, created.body
        file = service.retrieve(str(created.body).split('"id":"')[1].split('"')[0])
        assert file.status == 200, file.body
        file_id = str(file.body).split('"id":"')[1].split('"')[0]
        listed = service.list({})
        assert listed.status == 200, listed.body
        assert file_id.encode() in listed.body
        if number % 2:
            deleted = service.delete(file_id)
            assert deleted.status == 200, deleted.body
        else:
            sys.stdout.write(file_id + "\n")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
