"""
Programs of users under type checkers: what is right passes, what is wrong is found.
"""
