"""Rejected files: their folder on disk, which is the truth, and what a person can do about them.

Where to begin: ``quarantine_service`` is what pages and commands call, ``safety`` decides what may be the last copy.

- The folder and its rows: ``rejected_files``, ``folder``, ``index``, ``comparing``, ``folder_differences``,
  ``folder_reconciler``, ``groups``, ``step_failures``.
- Deleted and restored: ``deleting``, ``safety``, ``trash_files``, ``trash_retention``, ``accepting``.
- Put right: ``cures``, ``cure_codes``, ``cure_difference``, ``cure_issuer``, ``cure_protocol``, ``cure_series``,
  ``mappings``, ``reversing``, ``sale_decision``, ``replaying``, ``same_cause``.
- For many at once: ``candidates``, ``jobs``, ``job_store``, ``job_reports``, ``downloads``.
- Asked of the tills again: ``synchronising``, ``synchronise_orders``.
- The room itself: ``quarantine_service``, ``dependencies``, ``quarantine_reports``, ``history_text``.
"""
