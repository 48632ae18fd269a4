"""
What the APIs of Google have in common: pages of lists, chunks of uploads, and when to ask again.
"""
