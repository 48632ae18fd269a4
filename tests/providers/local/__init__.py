"""
Tests of aikit/providers/local.
"""
