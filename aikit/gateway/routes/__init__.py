"""
What the gateway serves: one function for each method of an address.
"""
