"""Amazon Bedrock's Converse API: client, signing, codes, events; and its Responses API.

Knows no job and no wallet."""
