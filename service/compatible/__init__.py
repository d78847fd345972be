"""OpenAI's own routes below `/v1`, so that any client of OpenAI's writes texts here.

Must not know how a text is priced, written or stored: that is `text`, and there is one path for
both."""
