// Does something else as the main module, and exports its application.
module.exports = (_request, response) => response.end('exported');
if (require.main === module) process.stderr.write('run me\n');
