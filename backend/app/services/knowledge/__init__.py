"""What a business has taught: parsed, chunked, embedded, found."""
