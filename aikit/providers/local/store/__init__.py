"""
What the embedded provider keeps: files, uploads and batches in a folder.
"""
