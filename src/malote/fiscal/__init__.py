"""What a fiscal document says: reading it, checking it, comparing it. Pure: no file, network or database.

Where to begin: ``reader`` reads any file, ``documents`` is what comes of it, ``checks`` decides whether a sale can be
booked truthfully.

- From bytes to elements: ``reader``, ``encoding``, ``tree``, ``envelopes``, ``reading_limits``, ``reading_result``.
- From elements to fields: ``note_fields`` (which element feeds which field), ``sat_fields``, ``note_rows``, ``paths``,
  ``single_fields``.
- The kinds of documents: ``nfce`` with ``note_header``, ``items``, ``note_payments`` and ``note_protocol``; ``cfe``,
  ``events``, ``voids``, ``protocols``, ``answer_match``, ``documents``.
- What is checked: ``checks``, ``sums``, ``norms``, ``signatures``, ``contingency``, ``schema``, ``problems``,
  ``findings``.
- The tables: ``cfops``, ``sefaz_answers``, ``payment_methods``.
- Single values: ``access_key``, ``amounts``, ``cnpj``, ``gtin``, ``moments``, ``typed_input``, ``key_lists``.
- The quick way for notes whose form is known: ``form_recognition``, ``learned_forms``, ``plain_text``,
  ``shortcut_odds``.
- Handed on: ``json_form``, ``excerpts``, ``field_words``.
"""
