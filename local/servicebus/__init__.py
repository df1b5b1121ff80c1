"""A Service Bus for one machine: the part of AMQP 1.0 that the `azure-servicebus` SDK speaks, over plain TCP.

From the wire inwards: `frames`, `performatives`, `codec` and `encode` turn bytes into records; `connection`, `session`,
`link`, `transfers`, `attaching`, `settlement` and `management` are the protocol; `entities` are the queues, topics and
subscriptions as state machines without sockets; `store` keeps them on disk; `broker` brings these together. `config`,
`filters` and `sql` read the entities' file, which has the form of the official emulator's Config.json.

Not supported: sessions, transactions, rule actions and rules that change at run time, properties to modify on abandon,
the transfer dead-letter queue, and the HTTP administration API.
"""
