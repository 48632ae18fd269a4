"""
Speed and memory of aikit beside its peers: ``python -m tests.bench`` prints a table.

It is not a timed test: nothing here is collected by pytest, and a missed bound is told, not punished.
"""
