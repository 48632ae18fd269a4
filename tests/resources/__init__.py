"""
Tests of the resources.
"""
