"""
Tests of aikit/resources/uploads.
"""
