"""The ERP's production database: one folder per engine behind one Protocol.

Where to begin: ``protocol`` says what an ERP must be able to do, ``base`` in which order it is done, ``booking`` how a
batch becomes bookings. Folders: an engine each (``postgresql/``, ``oracle/``, ``mariadb/``, ``sqlite/``), ``profiles/``
(where a design of its own puts each field), ``suggesting/`` (a first draft of one), ``conformance/``, ``sessions/``.

- Getting there: ``protocol``, ``base``, ``factory``, ``engine_loader``, ``address``, ``connecting``.
- A batch is booked: ``booking``, ``transacting``, ``statements``, ``rows``, ``fitting``, ``already_booked``,
  ``compare``, ``contest``, ``numbers``, ``number_guard``.
- What is booked already is changed: ``rewriting``, ``superseding``, ``reversed_sales``, ``lost_bookings``.
- Into tables of the ERP's own design: ``tables``, ``mapping``, ``targets``, ``ordinary``, ``ordinary_sales``,
  ``ordinary_tables``, ``records``, ``plain_records``, ``sale_keys``, ``booking_state``, ``query_questions``,
  ``looked_up``; by its own procedure: ``calling``, ``call_answers``, ``call_statements``.
- How a value is said: ``values``, ``decimals``, ``plain_text``, ``letters``, ``repertoire``.
- What went wrong: ``faults``, ``error_translation``, ``misfit``, ``missing_references``, ``server_words``.
- What the ERP holds now: ``reading_sales``, ``key_query``, ``fingerprints``, ``images``, ``images_called``,
  ``images_ledger``, ``images_ordinary``, ``images_looked_up``, ``looked_up_now``, ``raw_rows``, ``side_by_side``,
  ``last_booking_check``.
- Its structure and rights: ``structure``, ``altering``, ``grants``, ``dba_script``.
- Beside booking: ``rehearsing``, ``shadow``, ``earlier_system``.
"""
