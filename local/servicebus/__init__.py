"""A Service Bus for one machine: the part of AMQP 1.0 that the `azure-servicebus` SDK speaks, over plain TCP."""
