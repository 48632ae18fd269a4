"""
Say in one sentence what batches is for.
"""
