"""
The embedded provider: OpenAI's Files API answered from a folder on this machine, without a server.
"""
