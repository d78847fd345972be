"""Clock, ids, errors, logs, metrics, principals, ciphers, keys: what every other package may use.

Does no I/O but the clock and the log stream, and knows no feature."""
