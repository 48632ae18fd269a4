"""
Tests of prices, estimates, costs and the ledger.
"""
