"""The local mail server's reading and showing of mails."""
