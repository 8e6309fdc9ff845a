// Listens late, and says later still that it is ready.
const http = require('node:http');

setTimeout(() => {
  http
    .createServer((request, response) => {
      if (request.url === '/slow') process.stderr.write('slow began\n');
      setTimeout(() => response.end('slow but whole'), request.url === '/slow' ? 700 : 0);
    })
    .listen(3000, () => {
      setTimeout(() => {
        process.stderr.write('told\n');
        process.send('ready');
      }, 300);
    });
}, 200);
