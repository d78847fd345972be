"""Accounts that are brought in from an earlier system."""

from tests.mutants.mutant import Mutant, mutant

IMPORTS = "tests/passwords/test_imports.py"
LINES = "tests/passwords/test_import_lines.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "import-welcomes-again",
        IMPORTS,
        "users.sign_up:SignUp._opened",
        "0 if self.had_welcome else self.rules.welcome_amount",
        "self.rules.welcome_amount",
    ),
    mutant(
        "import-welcomes-later",
        IMPORTS,
        "passwords.imports:AccountImport.add",
        "self._base.users.sign_up(principal, None, also=also, had_welcome=account.welcomed)",
        "self._base.users.sign_up(principal, None, also=also)",
    ),
    mutant(
        "import-claims-what-no-one-verified",
        IMPORTS,
        "passwords.imports:AccountImport.add",
        "not account.is_verified",
        "False",
    ),
    mutant(
        "bad-file-imported-in-part",
        IMPORTS,
        "passwords.commands:import_accounts",
        "bool(lines.faults) and not skip_bad_lines",
        "False",
    ),
    mutant(
        "mailbox-imported-twice",
        LINES,
        "passwords.import_lines:read_lines",
        "first != number",
        "False",
    ),
    mutant(
        "hash-that-stops-the-service",
        LINES,
        "passwords.hashing:is_bcrypt",
        "found is not None and 4 <= int(found[1]) <= MAX_BCRYPT_COST",
        "found is not None",
    ),
)
