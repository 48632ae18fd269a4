"""
Tests of aikit/billing.
"""
