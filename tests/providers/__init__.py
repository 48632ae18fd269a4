"""
Tests of aikit/providers.
"""
