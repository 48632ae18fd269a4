"""
What leaves the gateway: objects with its own ids, errors, headers.
"""
