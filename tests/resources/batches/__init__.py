"""
Tests of aikit/resources/batches.
"""
