// Tells how often it was asked before anybody else asked it; /broken fails.
let asked = 0;

export default function handler(request, response) {
  if (request.headers['x-lameduck-warm-up'] === '1') asked += 1;
  response.statusCode = request.url === '/broken' ? 500 : 200;
  response.end(`asked ${asked} times`);
}
