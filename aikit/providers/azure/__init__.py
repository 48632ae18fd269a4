"""
Azure OpenAI: OpenAI's APIs at a resource of one's own, on either of its surfaces.
"""
