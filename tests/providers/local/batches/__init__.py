"""
Tests of aikit/providers/local/batches.
"""
