"""
An object client for the Files, Uploads and Batches APIs of AI providers.
"""

__version__ = "0.1.0"
