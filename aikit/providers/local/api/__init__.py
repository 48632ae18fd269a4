"""
OpenAI's API over the store: operations, their rules, and the wording of refusals.
"""
