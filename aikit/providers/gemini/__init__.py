"""
The Gemini Developer API: files by its native Files API, batches of lines in OpenAI's format.
"""
