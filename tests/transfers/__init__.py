"""
Tests of the journal of uploads.
"""
