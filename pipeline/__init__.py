"""The way of a run; knows Azure through its gateways (`ledger`, `blobs`, `batch`, `bus`, `notification.mailer`)."""
