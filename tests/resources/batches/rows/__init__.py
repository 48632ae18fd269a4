"""
Tests of aikit/resources/batches/rows.
"""
