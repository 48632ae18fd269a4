"""
How batches run: their input, the answering of their lines, their journal and their output.
"""
