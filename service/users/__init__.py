"""Sign-up and what belongs to a person: profile, devices, claims, the cap on users.

Knows no job and no provider; credits it grants only through the ledger."""
