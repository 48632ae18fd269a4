"""
Tests of runs: a whole file answered, however often the program is stopped.
"""
