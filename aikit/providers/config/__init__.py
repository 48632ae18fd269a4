"""
The configuration of providers: arguments of a client, the environment, and the provider file.
"""

from aikit.providers.config.settings import ProviderSettings as ProviderSettings
