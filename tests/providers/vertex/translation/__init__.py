"""
Tests of the translation of lines for Vertex AI.
"""
