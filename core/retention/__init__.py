"""What is kept how long, what goes next, and clients whose raw rows have to stay."""
