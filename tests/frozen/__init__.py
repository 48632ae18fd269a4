"""
Tests of programs that are given away: frozen, or in a zip file.
"""
