// A program that tells how often it was asked before anybody else asked it.
const http = require('node:http');
let asked = 0;

http
  .createServer((request, response) => {
    if (request.headers['x-lameduck-warm-up'] === '1') asked += 1;
    response.end(`asked ${asked} times`);
  })
  .listen(3000);
