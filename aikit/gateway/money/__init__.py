"""
What batches cost: estimated before they are created, booked once when they are over.
"""
