"""
Tests of what batches cost at the gateway.
"""
