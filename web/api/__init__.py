"""The REST interface: `/api/v1/…`, for programs and for the scripts of pages."""
