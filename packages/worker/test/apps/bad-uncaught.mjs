setImmediate(() => {
  throw new Error('nobody catches this');
});
await new Promise((resolve) => setTimeout(resolve, 5000));
