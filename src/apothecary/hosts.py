"""Hosts: which of them are this machine alone, and how a server begins to listen on one."""

from __future__ import annotations

import ipaddress
import socket

from apothecary.errors import UsageError

__all__ = ["is_loopback_host", "listening_socket", "url_of"]


def is_loopback_host(host: str) -> bool:
    """Whether only this machine reaches a server that listens there, whoever answers for names.

    >>> is_loopback_host("127.0.0.1"), is_loopback_host("0.0.0.0"), is_loopback_host("example.org")
    (True, False, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any that is free. From now on a client waits for its answer.

    Raises UsageError for a host or port that cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"cannot listen there: {reason}", where=f"{host}:{port}", hint="choose another --port"
        ) from error


def url_of(host: str, listening: socket.socket) -> str:
    """The address of a server on a socket, without a path."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"
