"""
Tests of aikit/resources/files.
"""
