"""
Say in one sentence what runtime is for.
"""
