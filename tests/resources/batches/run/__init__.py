"""
Tests of aikit/resources/batches/run.
"""
