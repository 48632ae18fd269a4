"""
Whom TLS connections trust, and what is to be said where there is no trust.
"""

from __future__ import annotations

import os
import ssl
from typing import Final

import certifi

from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress

_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""https://requests.readthedocs.io/en/latest/user/advanced/ (read 2026-11-21)"""
_OF_OPENSSL: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""OpenSSL passes over what is missing there: https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/."""
_LONG: Final = 200


def trusted() -> ssl.SSLContext:
    """
    Return whom to trust: the CA bundle that the environment names, else the system's store and certifi's.

    Raises:
        OpenAIError: The bundle cannot be used (code ``"tls_error"``).
    """
    variable = _variable()
    if variable:
        return _bundle(variable, os.environ[variable])
    with suppress(ImportError):
        import truststore  # noqa: PLC0415  an extra

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ssl_context = ssl.create_default_context()
    with suppress(OSError):
        ssl_context.load_verify_locations(certifi.where())
    return ssl_context


def untrusted(where: str, reason: ssl.SSLCertVerificationError) -> OpenAIError:
    """
    Return what is to be said of a certificate that is not trusted.
    """
    variable = _variable()
    gone = [name for name in _OF_OPENSSL if os.environ.get(name) and not os.path.exists(os.environ[name])]  # noqa: PTH110  a path may be too long
    hint = "name your CA bundle in REQUESTS_CA_BUNDLE"
    if variable:
        hint = f"does {os.environ[variable]}, which {variable} names, have its CA?"
    elif gone:
        hint = f"{gone[0]} names {os.environ[gone[0]]}, which is not there; correct it, or unset it"
    return OpenAIError(
        message=f"the certificate of {where} is not trusted: {reason.verify_message}; {hint}", code="tls_error"
    )


def _variable() -> str | None:
    return next((name for name in _VARIABLES if os.environ.get(name)), None)


def _bundle(variable: str, path: str) -> ssl.SSLContext:
    is_folder = os.path.isdir(path)  # noqa: PTH112  a string is what ssl wants
    try:
        return ssl.create_default_context(cafile=None if is_folder else path, capath=path if is_folder else None)
    except OSError as error:  # ssl's own errors are among them
        reason = "it has no certificate in PEM format" if isinstance(error, ssl.SSLError) else error.strerror
        raise OpenAIError(
            message=f"{variable} names {path[:_LONG]}, which is no usable CA bundle: {reason}; correct it, or unset it",
            code="tls_error",
        ) from None
