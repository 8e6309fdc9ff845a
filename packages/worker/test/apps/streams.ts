// Event streams whose handlers take no notice of the drain, over HTTP/1 and HTTP/2.
import type { IncomingMessage, ServerResponse } from 'node:http';

export default function listener(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/hello') {
    response.end('hello');
    return;
  }
  const type = request.url === '/sse' ? 'text/event-stream' : 'text/plain';
  response.writeHead(200, { 'content-type': type });
  response.write('data: first\n\n');
  const timer = setInterval(() => response.write('data: more\n\n'), 50);
  response.on('close', () => clearInterval(timer));
}
