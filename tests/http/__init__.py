"""
Tests of aikit/http.
"""
