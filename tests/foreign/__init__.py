"""
aikit against a server in OpenAI's format that somebody else wrote: the package ``@copilotkit/aimock``, run with node.
"""
