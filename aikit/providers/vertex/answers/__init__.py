"""
Rows that a batch prediction gives back, as the lines of OpenAI's output and error files.
"""
