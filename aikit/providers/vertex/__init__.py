"""
Vertex AI: files as objects of a bucket, batches as batchPredictionJobs.
"""
