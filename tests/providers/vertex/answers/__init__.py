"""
The way back: rows of batch predictions as the lines of output and error files.
"""
