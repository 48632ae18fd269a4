"""
Systems that are not here, as far as they can be had without them.
"""
