"""
Tests of what a batch gives back.
"""
