// Does something, and ends.
await new Promise((resolve) => setTimeout(resolve, 100));
