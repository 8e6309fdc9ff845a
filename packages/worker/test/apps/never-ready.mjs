process.stderr.write('starting\n');
await new Promise((resolve) => setTimeout(resolve, 60_000));
