"""`stt serve`: a web page, HTTP for files, WebSocket for live audio; needs `coqui-stt[server]`."""
