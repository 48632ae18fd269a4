"""
What is known of uploads in parts that were interrupted, so that the same call can go on with them.
"""
