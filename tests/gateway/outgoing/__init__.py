"""
What programs send to the gateway.
"""
