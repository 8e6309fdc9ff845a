exports.handler = (_request, response) => response.end('hello');
exports.shutdown = () => process.stderr.write('shutdown ran\n');
