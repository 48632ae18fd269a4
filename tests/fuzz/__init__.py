"""
Every parser of foreign bytes, given what no friend would send.
"""
