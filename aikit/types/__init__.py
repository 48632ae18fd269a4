"""
The frozen values that calls take and give: files, uploads, batches, costs, errors and how far calls have come.
"""
