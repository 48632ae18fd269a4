"""
What batches cost: prices, what is estimated before, what is counted after, and the ledger that keeps both.
"""
