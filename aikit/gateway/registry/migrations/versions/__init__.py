"""
One module for each version; a released one is never changed.
"""
