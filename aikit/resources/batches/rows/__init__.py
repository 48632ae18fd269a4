"""
What became of each line of a batch: its output and error files joined with its input.

An index in a temporary SQLite file says where the answer to each line stands; nothing grows in memory with the files.
"""
