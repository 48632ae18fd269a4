"""
All calls against a server that keeps the truth and misbehaves.
"""
