"""Connections to other systems' HTTP servers, on which one time limit bounds everything together.

Knows no vendor and no protocol above HTTP."""
