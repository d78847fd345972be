"""The files for one concern each of jobs and the kinds of work, and what each may import of its
feature."""

EXTRA_OF_WORK: dict[tuple[str, str], set[str]] = {
    ("jobs", "admission"): {
        *("entities", "holds", "implicit_keys", "settlement", "store", "work"),
    },
    ("jobs", "implicit_keys"): {"entities", "keys"},
    ("jobs", "cancellation"): {"entities", "keys"},
    ("jobs", "event_schemas"): {"entities"},
    ("jobs", "calls"): {"entities", "state_machine", "work"},
    ("jobs", "endings"): {
        *("entities", "judging", "settlement_terms", "state_machine", "store", "work"),
    },
    ("jobs", "house"): {"entities", "keys"},
    ("jobs", "holds"): {
        *("entities", "house", "implicit_keys", "job_ids", "keys", "store", "work"),
    },
    ("jobs", "job_ids"): set(),
    ("jobs", "judging"): {"entities", "work"},
    ("jobs", "paid_routes"): {"entities", "house"},
    ("jobs", "settlement"): {
        *("calls", "endings", "entities", "judging", "state_machine", "store", "work"),
    },
    ("jobs", "state_machine"): {"entities"},
    ("jobs", "ceiling_checks"): {"entities"},
    ("jobs", "settlement_terms"): {"entities", "keys", "store"},
    ("jobs", "submit_places"): {"entities"},
    ("jobs", "work"): {"entities"},
    ("text", "calling"): {"entities", "runs", "stored", "verdicts", "work"},
    ("text", "event_schemas"): {"runs"},
    ("text", "history"): {"entities", "stored"},
    ("text", "models"): set(),
    ("text", "runs"): {"entities", "verdicts"},
    ("text", "stored"): {"verdicts"},
    ("text", "verdicts"): {"entities"},
    ("text", "work"): {"checks", "entities", "models", "schemas", "stored", "verdicts"},
    ("compatible", "error_schemas"): set(),
    ("compatible", "event_schemas"): {
        *("entities", "error_schemas", "operations", "response_schemas", "schemas"),
    },
    ("compatible", "fields_schemas"): set(),
    ("compatible", "model_routes"): {"entities", "operations", "schemas"},
    ("compatible", "response_schemas"): {"entities", "fields_schemas", "schemas"},
    ("videos", "addresses"): set(),
    ("videos", "copies"): {"addresses", "entities"},
    ("videos", "images"): {"entities"},
    ("videos", "work"): {"checks", "copies", "entities", "images", "schemas"},
    ("jobs", "waiting"): {"keys", "store"},
    ("jobs", "search"): {"entities", "job_ids", "keys", "store"},
    ("jobs", "report"): {"entities", "search"},
    ("transcription", "subtitles"): {"entities"},
    ("transcription", "work"): {"checks", "entities", "schemas"},
}
