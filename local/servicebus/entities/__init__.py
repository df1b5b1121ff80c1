"""What a namespace holds: queues, topics and subscriptions, as state machines without sockets."""
