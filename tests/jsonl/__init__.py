"""
Tests of JSONL files.
"""
