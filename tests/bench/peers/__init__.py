"""
The programs that are measured, each run as a whole process by the Python of its own environment.
"""
