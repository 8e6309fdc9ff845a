// A listener that takes its time, for any Node.
module.exports = (_request, response) => {
  process.stderr.write('slow began\n');
  setTimeout(() => response.end('slow but whole'), 700);
};
