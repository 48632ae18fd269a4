"""
The examples, run as they stand: each in a process of its own, with a home that is not the user's.
"""
