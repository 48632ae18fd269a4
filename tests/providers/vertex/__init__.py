"""
Tests of Vertex AI.
"""
