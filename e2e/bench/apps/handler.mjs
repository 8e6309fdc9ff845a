// One small JSON answer: what is measured is the server around it.
export default function handler(_request, response) {
  response.setHeader('content-type', 'application/json');
  response.end('{"ok":true}');
}
