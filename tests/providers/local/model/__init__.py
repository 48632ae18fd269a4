"""
Tests of aikit/providers/local/model.
"""
