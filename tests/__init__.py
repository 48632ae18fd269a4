"""
What aikit promises, tried: the folders mirror the package, and each tells in its ``__init__`` what else it tries.
"""
