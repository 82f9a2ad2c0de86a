"""WebSockets: the server's end by uvicorn and starlette, the client's by websockets."""
