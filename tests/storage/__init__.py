"""
Tests of aikit/storage.
"""
