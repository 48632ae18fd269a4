"""
Say in one sentence what api is for.
"""
