"""`stt serve`: a web page, HTTP for files, WebSocket for live audio. Needs `coqui-stt[server]`."""
