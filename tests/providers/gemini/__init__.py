"""
Tests of the Gemini Developer API's provider.
"""
