"""
The settings of the gateway: LiteLLM's ``config.yaml``, the environment, and what comes of both.
"""

from aikit.gateway.settings.reader import client_of as client_of
from aikit.gateway.settings.reader import read_settings as read_settings
from aikit.gateway.settings.values import GatewaySettings as GatewaySettings
from aikit.gateway.settings.values import SettingsError as SettingsError
