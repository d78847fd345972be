"""What files of pictures and sound say of themselves, read from their headers: pure parsing of what
strangers sent, in bounded steps; nothing is decoded.

Knows no feature, no storage and no vendor but the rules that pictures must keep."""
