"""The whole loop on this machine: files in, reports, events, mails and webhook calls out, and all of it checked."""
