"""
A whole file answered, from its check to its results, however often the program is stopped on the way.

What a run has done is kept in ``<home>/runs/<key>.json``; its key is made of the provider, the content of the input and
the options, so the same call again resumes where the last one stopped. `run.start_run` makes a flow of all that;
``aikit batch run`` takes the same steps and reports on them.
"""
