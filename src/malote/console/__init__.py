"""The console in the browser: server-rendered pages over the services that the composition root hands in."""
