"""
Tests of aikit/runtime.
"""
