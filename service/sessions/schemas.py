"""What comes into and goes out of the routes of sessions."""

from service.core.clock import iso
from service.sessions.entities import Session


def exported_session(session: Session) -> dict[str, object]:
    """A session in the document of everything that is held on a user."""
    return {
        "sessionId": session.session_id,
        "device": session.device,
        "createdAt": iso(session.created_at),
        "lastUsedAt": iso(session.last_used_at),
        "endsAt": iso(session.ends_at),
    }
