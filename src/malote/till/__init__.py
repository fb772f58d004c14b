"""The agent beside the POS: captures its files, keeps them, and takes them to the server.

Where to begin: ``agent`` is the whole loop, ``capture`` and ``courier`` its two halves, ``outbox`` what lies between
them. ``orders/`` is what the server can order.

- From the POS's folder: ``folder``, ``watch``, ``capture``, ``file_summary``, ``issue_times``, ``folder_counts``,
  ``vanished_files``, ``cutover``.
- Kept: ``outbox``, ``outbox_records``, ``storage``, ``lock``, ``capture_journal``, ``retention``.
- When it is damaged: ``salvage``, ``lost_sales``.
- To the server: ``courier``, ``server_client``, ``server_line``, ``server_limits``, ``receipts``, ``resend``,
  ``unsent``, ``contact_report``, ``load_news``.
- Its own count of its sales: ``books``, ``book_answers``, ``missing_in_erp``.
- How it stands: ``status``, ``diagnosis``, ``checking``, ``trouble_notices``.
- The process: ``agent``, ``setup``, ``own_files``, ``draining``.
"""
