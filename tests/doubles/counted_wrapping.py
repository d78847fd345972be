"""A wrapping of data keys whose calls are counted."""

from service.storage.wrapping import Context, LocalWrapping, NewKey, WrappedKey


class CountedWrapping(LocalWrapping):
    """As the local one; counts what KMS would charge for."""

    def __init__(self, secret: bytes = b"m" * 32, by: str = "local") -> None:
        super().__init__(secret)
        self.by = by
        self.calls: list[str] = []

    def new_key(self, context: Context) -> NewKey:
        self.calls.append("new_key")
        return super().new_key(context)

    def wrap(self, plaintext: bytes, context: Context) -> WrappedKey:
        return WrappedKey(super().wrap(plaintext, context).wrapped, self.by)

    def unwrap(self, key: WrappedKey, context: Context) -> bytes:
        self.calls.append("unwrap")
        return super().unwrap(key, context)

    def wraps(self, key: WrappedKey) -> bool:
        return key.by == self.by
