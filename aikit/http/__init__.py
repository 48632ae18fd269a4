"""
One exchange with a provider: requests, responses, bodies, retries and connections.
"""
