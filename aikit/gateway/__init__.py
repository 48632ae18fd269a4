"""
The gateway: files, uploads and batches in OpenAI's format, for any program, over all configured providers.
"""
