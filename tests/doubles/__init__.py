"""In-memory doubles: small whole classes that behave like the real gateways and raise the real errors."""
