"""
What became of each line of a batch: its output and error files joined with its input.
"""
