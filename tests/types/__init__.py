"""
Tests of aikit/types.
"""
