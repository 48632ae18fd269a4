"""
JSONL files: reading and checking their lines.
"""
