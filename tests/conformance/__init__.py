"""
aikit against OpenAI's own description of its API: what is asked and what the embedded provider answers.
"""
