"""Who is connected to the production database, who blocks whom, and ending a session.

What an engine has of its own is ``sessions.py`` and ``watch.py`` in its folder.
"""
