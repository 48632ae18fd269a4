"""
Tests of the dispatchers, and the windows that they are tried in.
"""
