// One small JSON answer, and one that needs the body: what is measured is the server around it.
export default function handler(request, response) {
  response.setHeader('content-type', 'application/json');
  if (request.method === 'POST') answerOrder(request, response);
  else response.end('{"ok":true}');
}

function answerOrder(request, response) {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const { item, count } = JSON.parse(body);
    const isFine = typeof item === 'string' && Number.isInteger(count);
    response.statusCode = isFine ? 200 : 422;
    response.end(JSON.stringify(isFine ? { item, count } : { error: 'an item and a count were wanted' }));
  });
}
