"""
Routes of the gateway.
"""
