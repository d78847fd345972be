"""Amazon SES, under `/ses`: it accepts mails, delivers none, and keeps them in a mailbox that a
program or a person can read."""
