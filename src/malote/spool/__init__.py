"""The durable queue of documents and their states.

Where to begin: ``states`` has all states and the ways between them, ``queue`` says what a queue is, ``sql_queue``
is the one there is.

- In: ``accepting``, ``documents``, ``extracted``, ``joining``, ``superseded``.
- From state to state: ``states``, ``state_changes``, ``history``, ``feed``.
- Through the poster: ``queue``, ``sql_queue``, ``leasing``, ``presence``, ``outages``, ``mapped_codes``,
  ``number_rivals``, ``settling``.
- What follows for others: ``consequences``, ``wake_waiting``, ``series_holds``, ``refused_voids``,
  ``no_sale_versions``, ``unbooked_cancellations``.
- What the tills are told: ``receipts``.
- Ordered by people: ``confirming``, ``rebooking``, ``deleted_unbooked``.
- The bytes: ``retention``, ``archived``, ``replaced_files``.
"""
