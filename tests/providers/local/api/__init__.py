"""
Tests of aikit/providers/local/api.
"""
