"""
The APIs of a client: a caller's arguments → a flow → a result.
"""
