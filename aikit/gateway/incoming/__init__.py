"""
What programs send: files that go to a spool on disk and are checked while they come, forms, and JSON.
"""
