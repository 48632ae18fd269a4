"""
Tests of aikit/cli/output.
"""
