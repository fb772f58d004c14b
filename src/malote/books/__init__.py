"""The books: what can be counted again by anyone.

Where to begin: ``gaps`` says which numbers are missing, ``reconciling`` how server and ERP compare day by day,
``chain`` how a day is closed. ``rules/`` are the store's own rules; a business day is in ``malote.business_day``.

- The numbers of a series: ``numbering``, ``number_period``, ``gaps``, ``gap_ranges``, ``gap_keeping``,
  ``excused_numbers``, ``doubtful_numbers``.
- Server and ERP side by side: ``open_books``, ``reconciling``, ``unproven_days``, ``rebooking``, ``shadow``.
- Days as a page shows them: ``board``, ``months``, ``store_days``, ``late_documents``.
- The POS's own closings: ``closings``, ``closing_file``.
- Closed days: ``chain``, ``closing_marks``, ``exporting``, ``verifying``.
- The kept files, read again: ``kept_files``, ``damaged_files``, ``mending_files``.
- What tills are asked: ``till_questions``.
- By itself and by people: ``nightly``, ``note_findings``, ``accepting``.
"""
