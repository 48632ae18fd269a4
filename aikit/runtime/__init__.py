"""
What runs flows: tasks, the scheduler and its threads, groups of flows side by side, timers, and results.
"""
