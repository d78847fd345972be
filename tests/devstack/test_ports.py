import socket

import pytest

from devstack.errors import LocalSetupError
from devstack.ports import free_port, is_free, require_free


def test_a_taken_port_is_refused_with_a_sentence_that_names_another() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(LocalSetupError) as refusal:
            require_free(taken, "PORT", "make run")
    sentence = str(refusal.value)
    assert sentence.startswith(f"Port {taken} is already in use (")
    assert sentence.endswith(" make run")
    suggested = int(sentence.split("PORT=")[1].split()[0])
    assert suggested > taken
    assert is_free(suggested)


def test_a_port_shared_by_reuse_counts_as_taken() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert not is_free(other.getsockname()[1])


def test_a_free_port_is_never_one_of_an_outgoing_connection_nor_returned_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert all(20_000 <= port < 32_000 for port in ports)


def test_a_free_port_is_free() -> None:
    assert is_free(free_port())
    require_free(free_port(), "PORT", "make run")
