"""
Tests of aikit/providers/azure.
"""
