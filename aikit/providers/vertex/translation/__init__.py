"""
Translation: batch lines in OpenAI's format as those that Vertex AI takes.

Line *n* of a translated file has the key (Claude's: custom_id) ``r-n``, *n* from 1 on, and line *n* of the file beside
it has the custom_id that the caller gave it, as a JSON string.
"""
