"""The data keys of users as items of the table: their audit, their rotation, their wrapping anew.

Uses of a key are `storage.data_keys`; knows no data that is encrypted."""
