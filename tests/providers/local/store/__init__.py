"""
Tests of aikit/providers/local/store.
"""
