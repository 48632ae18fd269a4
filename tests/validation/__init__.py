"""
Tests of aikit/validation.
"""
